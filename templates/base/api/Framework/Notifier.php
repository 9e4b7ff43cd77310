<?php
declare(strict_types=1);

namespace Framework;

/**
 * Tells the alert service that something happened; open pages of the owner then fetch it. The note carries no personal
 * data. It is signed with SESSION_SECRET instead of carrying it, so that a wrong receiver learns nothing.
 *
 * The name `alert-internal` exists only on the site's own network. The plain service name `alert` would also be
 * looked up on the shared edge network, where every site has one.
 */
final class Notifier
{
    public function __construct(private readonly Config $config, private readonly Log $log)
    {
    }

    public function tell(string $event, array $data): void
    {
        $body = json_encode(['event' => $event, 'data' => $data], JSON_THROW_ON_ERROR);
        $time = (string) time();
        $signature = hash_hmac('sha256', "$time.$body", $this->config->secret('SESSION_SECRET'));
        $host = $this->config->text('ALERT_INTERNAL_HOST', 'alert-internal');
        $port = (int) $this->config->text('ALERT_PORT', '3001');
        // While a release is being replaced two alert containers share the name: tell both.
        foreach (array_slice(gethostbynamel($host) ?: [], 0, 4) as $address) {
            $curl = curl_init("http://$address:$port/internal/notify");
            curl_setopt_array($curl, [
                CURLOPT_POSTFIELDS => $body,
                CURLOPT_HTTPHEADER => ['Content-Type: application/json', "X-Site-Time: $time", "X-Site-Signature: $signature"],
                CURLOPT_RETURNTRANSFER => true,
                CURLOPT_PROXY => '',
                CURLOPT_CONNECTTIMEOUT_MS => 300,
                CURLOPT_TIMEOUT_MS => 800,
            ]);
            curl_exec($curl);
            $status = (int) curl_getinfo($curl, CURLINFO_RESPONSE_CODE);
            if ($status !== 204) {
                $this->log->warning('live notice was not delivered', ['event' => $event, 'status' => $status]);
            }
            curl_close($curl);
        }
    }
}
