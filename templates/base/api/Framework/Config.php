<?php
declare(strict_types=1);

namespace Framework;

/** The site's environment, read in one place. Everything comes from the .env that the platform writes. */
final class Config
{
    public function text(string $name, string $default = ''): string
    {
        $value = getenv($name);
        return $value === false || $value === '' ? $default : $value;
    }

    /** A secret that must exist; a site without it refuses to start instead of signing with an empty key. */
    public function secret(string $name): string
    {
        $value = $this->text($name);
        if (strlen($value) < 16) {
            throw new \RuntimeException("$name is missing or too short");
        }
        return $value;
    }

    public function domain(): string
    {
        return $this->text('APP_DOMAIN', 'localhost');
    }

    public function siteUrl(): string
    {
        return rtrim($this->text('WWW_URL', 'https://' . $this->domain()), '/');
    }

    public function apiUrl(): string
    {
        return rtrim($this->text('API_URL', $this->siteUrl() . '/api'), '/');
    }

    public function storagePath(): string
    {
        return rtrim($this->text('STORAGE_PATH', '/var/www/html/storage'), '/');
    }

    /** `10M`, `512K`, `1G` or plain bytes. */
    public function bytes(string $name, string $default): int
    {
        $value = strtoupper(trim($this->text($name, $default)));
        if (!preg_match('/^(\d{1,9})([KMG]?)B?$/', $value, $part)) {
            return $this->bytes('', $default);
        }
        return (int) $part[1] * ['' => 1, 'K' => 1024, 'M' => 1024 ** 2, 'G' => 1024 ** 3][$part[2]];
    }
}
