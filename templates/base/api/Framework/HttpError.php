<?php
declare(strict_types=1);

namespace Framework;

/** An answer other than success that the visitor may read. Becomes problem details (RFC 9457). */
final class HttpError extends \RuntimeException
{
    /** @param array<string,string> $fields  message per form field */
    public function __construct(
        public readonly int $status,
        public readonly string $title,
        public readonly string $detail = '',
        public readonly array $fields = [],
        public readonly array $headers = [],
    ) {
        parent::__construct($title);
    }

    public static function notFound(string $what = 'Nothing lives at this address.'): self
    {
        return new self(404, 'Not found', $what);
    }

    /** @param array<string,string> $fields */
    public static function invalid(array $fields): self
    {
        return new self(422, 'Please check the form', 'Some fields need another look.', $fields);
    }

    public static function unauthorized(): self
    {
        return new self(401, 'Please sign in', 'Only the owner of this site may do that.');
    }

    public static function tooMany(int $seconds): self
    {
        $minutes = max(1, (int) ceil($seconds / 60));
        return new self(
            429,
            'Too many attempts',
            "Please try again in $minutes " . ($minutes === 1 ? 'minute' : 'minutes') . '.',
            [],
            ['Retry-After' => (string) max(1, $seconds)],
        );
    }
}
