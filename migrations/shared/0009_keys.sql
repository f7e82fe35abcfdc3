-- The API keys of a tenant: every service's own copy, folded from its key events.
select create_view('key');
select index_view('key');
