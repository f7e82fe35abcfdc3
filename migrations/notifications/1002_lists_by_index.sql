-- Inboxes are listed by index, now and as of any position.

select unindex_view('notification');

select index_view('notification', 'person', 'place');
select index_view('notification', 'person', 'unread', 'place');
