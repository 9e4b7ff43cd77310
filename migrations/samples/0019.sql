update outgoing_webhook set old_secret = 'sealed''; drop table site; -- <b>', old_secret_until = 3 where id = 'hook_000000000000000001';
