-- Frameworks beside Annex A, with what answers their requirements.
select create_view('framework');
