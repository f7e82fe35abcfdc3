-- The auditors' grants of a tenant: every service's own copy, folded from its grant events.
select create_view('grant');
select index_view('grant');
