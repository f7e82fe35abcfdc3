-- Groups of an organisation's people, and which roles a tenant gives to whoever is in one, each folded from its own partition's events.
select create_view('group');
select index_view('group');
select create_view('grouping');
select index_view('grouping');
