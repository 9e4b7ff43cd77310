<?php
declare(strict_types=1);

namespace Framework;

/** An answer: status, headers, and a body or a file. */
final class Response
{
    private ?string $file = null;

    /** @param array<string,string> $headers */
    public function __construct(
        public int $status = 200,
        public string $body = '',
        public array $headers = [],
    ) {
    }

    public static function json(mixed $value, int $status = 200): self
    {
        $flags = JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_THROW_ON_ERROR | JSON_INVALID_UTF8_SUBSTITUTE;
        return new self($status, json_encode($value, $flags), [
            'Content-Type' => 'application/json; charset=utf-8',
            'Cache-Control' => 'no-store',
        ]);
    }

    public static function html(string $html): self
    {
        return new self(200, $html, ['Content-Type' => 'text/html; charset=utf-8', 'Cache-Control' => 'no-store']);
    }

    public static function text(string $text, string $type = 'text/plain'): self
    {
        return new self(200, $text, ['Content-Type' => "$type; charset=utf-8", 'Cache-Control' => 'public, max-age=300']);
    }

    public static function none(): self
    {
        return new self(204, '', ['Cache-Control' => 'no-store']);
    }

    public static function redirect(string $path): self
    {
        return new self(303, '', ['Location' => $path, 'Cache-Control' => 'no-store']);
    }

    public static function problem(HttpError $error): self
    {
        $problem = array_filter([
            'type' => 'about:blank',
            'title' => $error->title,
            'status' => $error->status,
            'detail' => $error->detail,
            'errors' => $error->fields,
        ]);
        $answer = self::json($problem, $error->status);
        $answer->headers = ['Content-Type' => 'application/problem+json; charset=utf-8'] + $error->headers + $answer->headers;
        return $answer;
    }

    /** A file from storage. The type is ours, never the uploader's, and nothing in it may run. */
    public static function file(string $path, string $type, string $name, bool $download): self
    {
        $answer = new self(200, '', [
            'Content-Type' => $type,
            'Content-Disposition' => ($download ? 'attachment' : 'inline') . '; filename="' . preg_replace('/[^A-Za-z0-9._-]/', '-', $name) . '"',
            'Content-Security-Policy' => "default-src 'none'; sandbox",
            'Cross-Origin-Resource-Policy' => 'same-site',
            'Cache-Control' => 'public, max-age=31536000, immutable',
        ]);
        $answer->file = $path;
        return $answer;
    }

    public function with(string $name, string $value): self
    {
        $this->headers[$name] = $value;
        return $this;
    }

    public function send(bool $withBody = true): void
    {
        http_response_code($this->status);
        header_remove('X-Powered-By');
        $defaults = [
            'X-Content-Type-Options' => 'nosniff',
            'Referrer-Policy' => 'strict-origin-when-cross-origin',
            'X-Frame-Options' => 'DENY',
            'Content-Security-Policy' => "default-src 'none'; frame-ancestors 'none'",
        ];
        foreach ($this->headers + $defaults as $name => $value) {
            header($name . ': ' . str_replace(["\r", "\n"], ' ', $value), $name !== 'Set-Cookie');
        }
        $length = $this->file === null ? strlen($this->body) : (int) filesize($this->file);
        if ($this->status !== 204) {
            header("Content-Length: $length");
        }
        if (!$withBody) {
            return;
        }
        $this->file === null ? print $this->body : readfile($this->file);
    }
}
