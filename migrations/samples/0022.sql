insert into alert_channel (id, name, kind, to_admins, addresses, url, secret, note, failures, created_by, created_at, updated_at)
values ('chan_00000000000000000a', 'O''Hara <b>', 'webhook', false, '[]', 'sealed', 'sealed', 'The last 5 deliveries failed at every try.', 5, 'Ada', 1, 2);
insert into alert_rule (id, name, metric, condition, window_minutes, hold_minutes, keep_minutes, min_samples, no_data, no_data_minutes, severity,
                        wait_seconds, interval_minutes, repeat_minutes, quiet_from, quiet_to, quiet_weekends, state, told_at, created_by, created_at, updated_at)
values ('rule_00000000000000000a', 'Down </script><b>', 'site_down', '{"is":"at_least","value":5.0}', 5, 1, 1, 0, 'show', 60, 'critical', 30, 5, 240, 1320, 420, true, 'active', 3, 'Ada', 1, 2);
insert into alert_rule_channel (rule_id, channel_id) values ('rule_00000000000000000a', 'chan_00000000000000000a');
insert into alert (id, rule_id, rule_name, metric, severity, cause, labels, fired_at, ended_at, ended_why, value, peak, evidence, told_at, told_end_at)
values ('alert_00000000000000000a', 'rule_00000000000000000a', 'Down </script><b>', 'site_down', 'critical', 'over', '{"site":"app_aaaaaaaa","customer":"cust_aaaaaaaaaaaa"}', 3, null, null, 6.5, 9.0,
        '{"query":"Minutes since a site stopped answering","condition":"at least 5 min","window_minutes":5,"from":0,"to":3,"value":6.5,"samples":null,"points":[[1,5.5],[2,null],[3,6.5]],"affected":[{"kind":"site","id":"app_aaaaaaaa","name":"Café <i>","note":"www: error"}]}', 3, null);
insert into alert_state (rule_id, fingerprint, labels, state, since, alert_id, value, error)
values ('rule_00000000000000000a', 'customer=cust_aaaaaaaaaaaa,site=app_aaaaaaaa', '{"site":"app_aaaaaaaa","customer":"cust_aaaaaaaaaaaa"}', 'alerting', 3, 'alert_00000000000000000a', 6.5, null);
insert into alert_silence (id, matchers, comment, starts_at, ends_at, created_by, created_at)
values ('sil_00000000000000000a', '{"severity":"warning","site":"'' or 1=1 --"}', 'We <know>', 1, 9, 'Ada', 1);
insert into alert_message (id, rule_id, channel_id, channel_name, kind, subject, body, target, state, attempts, created_at, next_at, finished_at, mail_id, status, error, answer)
values ('amsg_00000000000000000a', 'rule_00000000000000000a', 'chan_00000000000000000a', 'O''Hara <b>', 'firing', 'Alerting: Down', '{"event":"alert.firing"}', 'example.com', 'failed', 6, 3, null, 9, null, 500, null, '<b>no</b>');
insert into metric_sample (metric, at, value) values ('disk_free', 300000, 41.5);
