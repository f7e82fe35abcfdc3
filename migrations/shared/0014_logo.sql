-- What an organisation's papers carry at their head: every service's own copy, folded from its logo events.
select create_view('logo');
select index_view('logo');
