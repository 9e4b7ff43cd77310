<?php
declare(strict_types=1);

namespace Framework;

/** One JSON object per line on stderr. No bodies, no addresses, no secrets. */
final class Log
{
    private const LEVELS = ['debug' => 0, 'info' => 1, 'warning' => 2, 'error' => 3];

    public function __construct(private readonly string $level)
    {
    }

    public function info(string $message, array $fields = []): void
    {
        $this->write('info', $message, $fields);
    }

    public function warning(string $message, array $fields = []): void
    {
        $this->write('warning', $message, $fields);
    }

    public function error(string $message, array $fields = []): void
    {
        $this->write('error', $message, $fields);
    }

    private function write(string $level, string $message, array $fields): void
    {
        if (self::LEVELS[$level] < (self::LEVELS[$this->level] ?? 1)) {
            return;
        }
        $line = ['time' => gmdate('Y-m-d\TH:i:s\Z'), 'level' => $level, 'message' => $message] + $fields;
        file_put_contents('php://stderr', json_encode($line, JSON_UNESCAPED_SLASHES | JSON_INVALID_UTF8_SUBSTITUTE) . "\n");
    }
}
