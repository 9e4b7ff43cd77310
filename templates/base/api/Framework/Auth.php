<?php
declare(strict_types=1);

namespace Framework;

/**
 * The owner's sign-in. There is one owner. The first password comes from SITE_OWNER_PASSWORD and is kept as a hash;
 * when the platform writes another one (a reset), that one counts from then on and old sessions end.
 *
 * A change needs the cookie (HttpOnly, Secure, SameSite=Strict), an Origin that is this site, and a content type
 * that a foreign page cannot send without asking first (JSON, or an image type for uploads).
 */
final class Auth
{
    public const COOKIE = '__Host-owner';
    private const HOURS = 12;

    public function __construct(
        private readonly Database $db,
        private readonly Config $config,
        private readonly RateLimiter $limiter,
    ) {
    }

    /** @return array{string, array} the cookie header and the owner */
    public function signIn(string $email, string $password, string $ip): array
    {
        $this->limiter->hit('sign-in-from', $ip, 10, 900);
        // Generous: it slows down guessing from many addresses without letting a stranger lock the owner out easily.
        $this->limiter->hit('sign-in-as', strtolower($email), 100, 900);
        $owner = $this->ownerRow();
        // A wrong address costs the same time as a wrong password.
        $hash = $owner['password_hash'] ?? '$2y$10$usesomesillystringfore7hnbRJHxXVLeakoG8K30oukPsA.ztMG';
        $passwordFits = password_verify($password, $hash);
        $emailFits = $owner !== null && hash_equals(strtolower($owner['email']), strtolower($email));
        if (!$passwordFits || !$emailFits) {
            throw new HttpError(401, 'That did not match', 'Check the e-mail address and the password.');
        }
        $this->limiter->clear('sign-in-from', $ip);
        $this->limiter->clear('sign-in-as', strtolower($email));
        return [$this->cookie($owner), $owner];
    }

    public function owner(Request $request): ?array
    {
        $token = $request->cookies[self::COOKIE] ?? '';
        if ($token === '') {
            return null;
        }
        $claims = Jwt::verify($token, $this->config->secret('JWT_SECRET'), $this->audience());
        if ($claims === null || ($claims['role'] ?? '') !== 'owner') {
            return null;
        }
        $owner = $this->ownerRow();
        return $owner !== null && (int) $claims['epoch'] === (int) $owner['session_epoch'] ? $owner : null;
    }

    /** Middleware: only the owner passes, and changes only from this site's own pages. */
    public function requireOwner(Request $request, callable $next): Response
    {
        if ($request->changesSomething()) {
            $this->requireSameOrigin($request);
            $type = $request->contentType();
            $preflighted = $type === 'application/json' || $type === 'application/pdf' || str_starts_with($type, 'image/');
            if (!$preflighted) {
                throw new HttpError(415, 'Send JSON', 'The body has to be application/json.');
            }
        }
        if ($this->owner($request) === null) {
            throw HttpError::unauthorized();
        }
        return $next($request);
    }

    public function requireSameOrigin(Request $request): void
    {
        $origin = $request->header('origin');
        if ($origin === '') {
            if ($request->header('sec-fetch-site') === 'same-origin') {
                return;
            }
            throw new HttpError(403, 'Refused', 'This request did not say where it came from.');
        }
        $allowed = [$this->config->siteUrl(), rtrim($this->config->text('CORS_ORIGIN'), '/')];
        // Other names of the same site (www.example.com): the page and the api share the host the edge accepted.
        $host = $request->header('host');
        if ($host !== '') {
            $allowed[] = "https://$host";
        }
        if (!in_array($origin, array_filter($allowed), true)) {
            throw new HttpError(403, 'Refused', 'Changes are only taken from this site itself.');
        }
    }

    public function changePassword(array $owner, string $current, string $new): string
    {
        $this->limiter->hit('change-password', (string) $owner['id'], 10, 900);
        if (!password_verify($current, $owner['password_hash'])) {
            throw HttpError::invalid(['current' => 'That is not the present password.']);
        }
        $this->db->run(
            'update owners set password_hash = :hash, session_epoch = session_epoch + 1, updated_at = now() where id = :id',
            ['hash' => password_hash($new, PASSWORD_DEFAULT), 'id' => $owner['id']],
        );
        return $this->cookie($this->ownerRow());
    }

    public function cookie(array $owner): string
    {
        $claims = [
            'aud' => $this->audience(), 'sub' => (string) $owner['id'], 'role' => 'owner',
            'epoch' => (int) $owner['session_epoch'], 'iat' => time(), 'exp' => time() + self::HOURS * 3600,
            'jti' => bin2hex(random_bytes(8)),
        ];
        $token = Jwt::sign($claims, $this->config->secret('JWT_SECRET'));
        return self::COOKIE . "=$token; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=" . self::HOURS * 3600;
    }

    public function expiredCookie(): string
    {
        return self::COOKIE . '=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0';
    }

    private function audience(): string
    {
        return $this->config->text('APP_ID', 'site');
    }

    /** The owner as stored; written from the environment on first use or when the platform set a new password. */
    private function ownerRow(): ?array
    {
        $email = $this->config->text('SITE_OWNER_EMAIL');
        $password = $this->config->text('SITE_OWNER_PASSWORD');
        $owner = $this->db->one('select id, email, password_hash, session_epoch, seeded_from from owners order by id limit 1');
        if ($email === '' || $password === '') {
            return $owner;
        }
        $seed = hash_hmac('sha256', "$email\n$password", $this->config->secret('JWT_SECRET'));
        if ($owner !== null && hash_equals($owner['seeded_from'], $seed)) {
            return $owner;
        }
        return $this->db->one(
            'insert into owners as o (id, email, password_hash, seeded_from) values (1, :email, :hash, :seed)
             on conflict (id) do update set email = excluded.email, password_hash = excluded.password_hash,
               seeded_from = excluded.seeded_from, session_epoch = o.session_epoch + 1, updated_at = now()
             returning id, email, password_hash, session_epoch, seeded_from',
            ['email' => $email, 'hash' => password_hash($password, PASSWORD_DEFAULT), 'seed' => $seed],
        );
    }
}
