-- Who may do what in which tenant: every service's own copy, folded from its access events.
select create_view('access');
