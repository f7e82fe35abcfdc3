-- The trail is found by words, of one tenant at a time: with the tenant in the index, no row of another is read for it.
create extension if not exists btree_gin;

-- What stands between blanks and has a sign within it, such as R-7, A.8.13 or a mail address.
create function signs(p_text text) returns text[] language plpgsql immutable parallel safe as $$
begin
    return array(
        select btrim(token, '.-_/''') from unnest(regexp_split_to_array(p_text, '[\s,;:()\[\]{}"!?]+')) as token
        where token ~ '[[:alnum:]][^[:alnum:]]+[[:alnum:]]');
end $$;

-- Words are runs of letters and digits in lower case, and what has a sign within it is one more. PostgreSQL's own parser would take
-- `backup/restore` for one path and R-7 for a negative number. Not in SQL, which would be planned anew for each event.
create function words(p_text text) returns tsvector language plpgsql immutable parallel safe as $$
declare
    -- A tsvector has a MB of words at most: no event's text is as long, but a framework's.
    v_text text := lower(left(p_text, 200000));
    v_words text[] := array_remove(regexp_split_to_array(v_text, '[^[:alnum:]]+'), '') || signs(v_text);
begin
    -- And none above 2046 bytes.
    if octet_length(p_text) > 2000 then
        v_words := array(select left(word, 100) from unnest(v_words) as word);
    end if;
    return array_to_tsvector(v_words);
end $$;

-- Each of the words that somebody asks for, or a longer one that begins so; null where there is none.
create function asked_words(p_text text) returns tsquery language sql immutable parallel safe as $$
    select string_agg('''' || replace(replace(left(word, 100), '\', '\\'), '''', '''''') || ''':*', ' & ')::tsquery
    from regexp_split_to_table(lower(p_text), '\s+') as token,
        unnest(case when signs(token) = '{}' then tsvector_to_array(words(token)) else signs(token) end) as word
$$;

-- All that an event says: its object, why, and its texts.
create function words_of(p_stream text, p_reason text, p_data jsonb) returns tsvector language plpgsql immutable parallel safe as $$
begin
    return words(concat_ws(E'\n', p_reason, said(substr(p_stream, strpos(p_stream, '-') + 1), p_data)));
end $$;

alter table trail add column words tsvector generated always as (words_of(stream, reason, data)) stored;
create index trail_by_words on trail using gin (tenant_id, words);
