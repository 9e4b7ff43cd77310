insert into event_import (id, created_at, created_by, file, format, bytes, state, mapping, source, started_at, finished_at, read_bytes, restarts, is_check, report, trouble)
values ('imp_000000000000000001', 1, 'Ada <b>', 'O''Hara "><script>alert(1)</script>.csv', 'csv', 120, 'failed', '["name=<img src=x>","time=when"]', 'import', 2, 3, 60, 1, false,
        '{"rows":1,"stored":0,"duplicates":0,"refused":1,"problems":[{"line":2,"message":"</td><script>alert(1)</script>"}],"names":{},"from":null,"to":null,"columns":{}}', 'It''s "broken"; drop table event_import; --');
update api_token set events_per_second = 10, events_per_day = 1000, sends_events = true;
insert into token_sent (token_id, day, events) select id, 20000, 7 from api_token;
