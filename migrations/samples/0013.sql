insert into ingestion_warning (day, kind, source, name, events, last_at, sender, reason, sample) values
  (20478, 'missing_person', 'posthog', 'login', 3, 1769292000000, 'tok_06tq2v9k3m1f8c7a5e', 'distinct_id is missing', '{"event":"login"}'),
  (20478, 'bad_name', 'api', '<script>alert(1)</script>', 1, 1769292000001, '', 'name must have 1 to 200 bytes', '{"name":"'' or 1=1 --","x":"</script><img src=x onerror=alert(1)>"}'),
  (20478, 'no_token', 'segment', '', 9000000000, 1769292000002, '', '', '');
