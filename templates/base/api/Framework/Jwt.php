<?php
declare(strict_types=1);

namespace Framework;

/** HS256 tokens, this algorithm only: the header of a token never chooses how it is checked. */
final class Jwt
{
    public static function sign(array $claims, string $key): string
    {
        $head = self::encode(json_encode(['alg' => 'HS256', 'typ' => 'JWT']));
        $body = self::encode(json_encode($claims, JSON_THROW_ON_ERROR));
        return "$head.$body." . self::encode(hash_hmac('sha256', "$head.$body", $key, true));
    }

    public static function verify(string $token, string $key, string $audience): ?array
    {
        $parts = explode('.', $token);
        if (count($parts) !== 3 || strlen($token) > 4096) {
            return null;
        }
        [$head, $body, $signature] = $parts;
        $expected = self::encode(hash_hmac('sha256', "$head.$body", $key, true));
        if (!hash_equals($expected, $signature)) {
            return null;
        }
        $header = json_decode(self::decode($head), true);
        $claims = json_decode(self::decode($body), true);
        $good = is_array($claims) && ($header['alg'] ?? '') === 'HS256'
            && (int) ($claims['exp'] ?? 0) > time() && ($claims['aud'] ?? '') === $audience;
        return $good ? $claims : null;
    }

    private static function encode(string $bytes): string
    {
        return rtrim(strtr(base64_encode($bytes), '+/', '-_'), '=');
    }

    private static function decode(string $text): string
    {
        return (string) base64_decode(strtr($text, '-_', '+/'), true);
    }
}
