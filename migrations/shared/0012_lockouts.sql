-- Who of an organisation is let in nowhere: every service's own copy, folded from its lockout events.
select create_view('lockout');
select index_view('lockout');
