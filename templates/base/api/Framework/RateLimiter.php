<?php
declare(strict_types=1);

namespace Framework;

/** Counts attempts per key in fixed windows, in the database, so that all workers and containers share the count. */
final class RateLimiter
{
    public function __construct(private readonly Database $db, private readonly Config $config)
    {
    }

    /** Counts one attempt and throws 429 once there were more than `$most` within `$seconds`. */
    public function hit(string $what, string $who, int $most, int $seconds): void
    {
        $row = $this->db->one(
            "insert into rate_limits as r (key, count, resets_at)
             values (:key, 1, now() + make_interval(secs => :seconds))
             on conflict (key) do update set
               count = case when r.resets_at <= now() then 1 else r.count + 1 end,
               resets_at = case when r.resets_at <= now() then excluded.resets_at else r.resets_at end
             returning count, ceil(extract(epoch from resets_at - now()))::int as wait",
            ['key' => $this->key($what, $who), 'seconds' => $seconds],
        );
        if (random_int(1, 50) === 1) {
            $this->db->run('delete from rate_limits where resets_at < now()');
        }
        if ((int) $row['count'] > $most) {
            throw HttpError::tooMany((int) $row['wait']);
        }
    }

    public function clear(string $what, string $who): void
    {
        $this->db->run('delete from rate_limits where key = :key', ['key' => $this->key($what, $who)]);
    }

    /** Keyed hash: addresses of visitors are not stored. An IPv6 visitor is their /64. */
    private function key(string $what, string $who): string
    {
        $packed = @inet_pton($who);
        if ($packed !== false && strlen($packed) === 16) {
            $who = bin2hex(substr($packed, 0, 8));
        }
        return $what . ':' . substr(hash_hmac('sha256', "$what|$who", $this->config->secret('JWT_SECRET')), 0, 32);
    }
}
