-- What a row of a view says in words: its key and every text in its data but digests, days and instants, which nobody reads as words.
-- No index over it: it would cost each write more than the searches of a tenant save.
create function said(p_key text, p_data jsonb) returns text language sql immutable strict parallel safe as $$
    select concat_ws(E'\n', p_key, string_agg(text #>> '{}', E'\n')) from jsonb_path_query(p_data, 'strict $.** ? (
        @.type() == "string" && !(@ like_regex "^([0-9a-f]{64}|[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9:.]+Z)?)$"))') as text
$$;
