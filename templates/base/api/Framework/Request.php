<?php
declare(strict_types=1);

namespace Framework;

/** What the visitor asked, cleaned once: path, query, headers, body up to a limit. */
final class Request
{
    public const JSON_LIMIT = 256 * 1024;

    /** @var array<string,string> values of {names} in the route */
    public array $params = [];

    /** @param array<string,string> $headers  lower-case names */
    public function __construct(
        public readonly string $method,
        public readonly string $path,
        public readonly array $query,
        public readonly array $headers,
        public readonly array $cookies,
        public readonly string $ip,
    ) {
    }

    public static function fromGlobals(): self
    {
        $headers = [];
        foreach ($_SERVER as $name => $value) {
            if (str_starts_with($name, 'HTTP_')) {
                $headers[strtolower(str_replace('_', '-', substr($name, 5)))] = (string) $value;
            }
        }
        foreach (['CONTENT_TYPE', 'CONTENT_LENGTH'] as $name) {
            if (isset($_SERVER[$name])) {
                $headers[strtolower(str_replace('_', '-', $name))] = (string) $_SERVER[$name];
            }
        }
        $target = (string) ($_SERVER['REQUEST_URI'] ?? '/');
        $path = rawurldecode(explode('?', $target, 2)[0]);
        if (!mb_check_encoding($path, 'UTF-8') || str_contains($path, "\0")) {
            throw HttpError::notFound();
        }
        return new self(
            strtoupper((string) ($_SERVER['REQUEST_METHOD'] ?? 'GET')),
            '/' . trim($path, '/'),
            array_filter($_GET, 'is_string'),
            $headers,
            array_filter($_COOKIE, 'is_string'),
            self::clientAddress($headers),
        );
    }

    public function header(string $name): string
    {
        return $this->headers[strtolower($name)] ?? '';
    }

    public function contentType(): string
    {
        return strtolower(trim(explode(';', $this->header('content-type'), 2)[0]));
    }

    public function changesSomething(): bool
    {
        return !in_array($this->method, ['GET', 'HEAD', 'OPTIONS'], true);
    }

    /** The body as an object; an array of fields. */
    public function json(int $limit = self::JSON_LIMIT): array
    {
        if ($this->contentType() !== 'application/json') {
            throw new HttpError(415, 'Send JSON', 'The body has to be application/json.');
        }
        try {
            $value = json_decode($this->body($limit), true, 16, JSON_THROW_ON_ERROR);
        } catch (\JsonException) {
            throw new HttpError(400, 'Unreadable JSON', 'The body is not valid JSON.');
        }
        if (!is_array($value) || ($value !== [] && array_is_list($value))) {
            throw new HttpError(400, 'Unreadable JSON', 'The body has to be a JSON object.');
        }
        return $value;
    }

    /** A plain HTML form, for visitors without JavaScript. */
    public function form(int $limit = 64 * 1024): array
    {
        parse_str($this->body($limit), $fields);
        return array_filter($fields, 'is_string');
    }

    public function body(int $limit): string
    {
        if ((int) $this->header('content-length') > $limit) {
            throw self::tooLarge($limit);
        }
        $body = (string) file_get_contents('php://input', false, null, 0, $limit + 1);
        if (strlen($body) > $limit) {
            throw self::tooLarge($limit);
        }
        return $body;
    }

    public static function tooLarge(int $limit): HttpError
    {
        $size = $limit >= 1024 ** 2 ? round($limit / 1024 ** 2, 1) . ' MB' : round($limit / 1024) . ' KB';
        return new HttpError(413, 'Too large', "At most $size can be sent here.");
    }

    /**
     * The visitor's address. The edge appends it to X-Forwarded-For, so the last entry is the one that can be
     * trusted, and only when the caller is the edge (a private address).
     */
    private static function clientAddress(array $headers): string
    {
        $peer = (string) ($_SERVER['REMOTE_ADDR'] ?? '');
        $private = !filter_var($peer, FILTER_VALIDATE_IP, FILTER_FLAG_NO_PRIV_RANGE | FILTER_FLAG_NO_RES_RANGE);
        $forwarded = array_map('trim', explode(',', $headers['x-forwarded-for'] ?? ''));
        $last = end($forwarded);
        return $private && $last && filter_var($last, FILTER_VALIDATE_IP) ? $last : $peer;
    }
}
