<?php
declare(strict_types=1);

namespace Framework;

/** Sends one plain-text mail over SMTP when MAIL_HOST is set (STARTTLS where offered, TLS on port 465). */
final class Mailer
{
    public function __construct(private readonly Config $config, private readonly Log $log)
    {
    }

    public function configured(): bool
    {
        return $this->config->text('MAIL_HOST') !== '';
    }

    public function send(string $to, string $replyTo, string $subject, string $text): void
    {
        try {
            $this->deliver($to, $replyTo, $subject, $text);
        } catch (\Throwable $error) {
            $this->log->warning('mail was not sent', ['reason' => $error->getMessage()]);
        }
    }

    private function deliver(string $to, string $replyTo, string $subject, string $text): void
    {
        $host = $this->config->text('MAIL_HOST');
        $port = (int) $this->config->text('MAIL_PORT', '587');
        $socket = @stream_socket_client(($port === 465 ? 'tls' : 'tcp') . "://$host:$port", $code, $message, 3);
        if ($socket === false) {
            throw new \RuntimeException("no connection to the mail server: $message");
        }
        stream_set_timeout($socket, 5);
        $say = static function (string $line, string $expect) use ($socket): string {
            if ($line !== '') {
                fwrite($socket, "$line\r\n");
            }
            $answer = '';
            for ($lines = 0; $lines < 50; $lines++) {
                $part = (string) fgets($socket, 1024);
                $answer .= $part;
                if (strlen($part) < 4 || $part[3] !== '-') {
                    break;
                }
            }
            if (!str_starts_with($answer, $expect)) {
                throw new \RuntimeException('the mail server said ' . trim(substr($answer, 0, 80)));
            }
            return $answer;
        };
        $me = $this->config->domain();
        $say('', '220');
        $offers = $say("EHLO $me", '250');
        if ($port !== 465 && str_contains($offers, 'STARTTLS')) {
            $say('STARTTLS', '220');
            if (!stream_socket_enable_crypto($socket, true, STREAM_CRYPTO_METHOD_TLS_CLIENT)) {
                throw new \RuntimeException('TLS with the mail server failed');
            }
            $say("EHLO $me", '250');
        }
        $user = $this->config->text('MAIL_USERNAME');
        if ($user !== '') {
            $say('AUTH PLAIN ' . base64_encode("\0$user\0" . $this->config->text('MAIL_PASSWORD')), '235');
        }
        $from = $this->config->text('MAIL_FROM_ADDRESS', "noreply@$me");
        $word = static fn (string $value): string => '=?UTF-8?B?' . base64_encode(mb_substr((string) preg_replace('/\p{Cc}+/u', ' ', $value), 0, 120)) . '?=';
        $address = static fn (string $value): string => (string) preg_replace('/[\s<>,;]+/', '', $value);
        $say('MAIL FROM:<' . $address($from) . '>', '250');
        $say('RCPT TO:<' . $address($to) . '>', '250');
        $say('DATA', '354');
        $headers = [
            'From: ' . $word($this->config->text('MAIL_FROM_NAME', $this->config->text('APP_NAME', $me))) . ' <' . $address($from) . '>',
            'To: <' . $address($to) . '>',
            'Reply-To: <' . $address($replyTo) . '>',
            'Subject: ' . $word($subject),
            'Date: ' . gmdate('r'),
            'Message-ID: <' . bin2hex(random_bytes(12)) . "@$me>",
            'MIME-Version: 1.0', 'Content-Type: text/plain; charset=utf-8', 'Content-Transfer-Encoding: base64',
        ];
        $say(implode("\r\n", $headers) . "\r\n\r\n" . rtrim(chunk_split(base64_encode($text))) . "\r\n.", '250');
        fwrite($socket, "QUIT\r\n");
        fclose($socket);
    }
}
