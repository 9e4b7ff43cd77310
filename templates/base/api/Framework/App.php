<?php
declare(strict_types=1);

namespace Framework;

/** The parts of a site's api, made once per request. `src/routes.php` gets this and the router. */
final class App
{
    public readonly Config $config;
    public readonly Log $log;
    public readonly Database $db;
    public readonly RateLimiter $limiter;
    public readonly Auth $auth;
    public readonly Uploads $uploads;
    public readonly Notifier $notifier;
    public readonly Mailer $mailer;

    public function __construct(public readonly string $root)
    {
        $this->config = new Config();
        $this->log = new Log($this->config->text('LOG_LEVEL', 'info'));
        $this->db = new Database($this->config);
        $this->limiter = new RateLimiter($this->db, $this->config);
        $this->auth = new Auth($this->db, $this->config, $this->limiter);
        $this->uploads = new Uploads($this->db, $this->config);
        $this->notifier = new Notifier($this->config, $this->log);
        $this->mailer = new Mailer($this->config, $this->log);
    }

    public function migrator(): Migrator
    {
        return new Migrator($this->db, $this->root . '/migrations');
    }

    /** Answers the current request. Whatever goes wrong inside, the visitor never sees an exception. */
    public function answer(): void
    {
        ini_set('display_errors', '0');
        set_error_handler(static function (int $level, string $message, string $file, int $line): bool {
            if ((error_reporting() & $level) === 0) {
                return false;
            }
            throw new \ErrorException($message, 0, $level, $file, $line);
        });
        $method = 'GET';
        try {
            $request = Request::fromGlobals();
            $method = $request->method;
            $router = new Router();
            StandardRoutes::add($router, $this);
            (require $this->root . '/src/routes.php')($router, $this);
            $response = $method === 'OPTIONS' ? Response::none() : $router->dispatch($request);
        } catch (HttpError $error) {
            $response = Response::problem($error);
        } catch (\Throwable $error) {
            $reference = bin2hex(random_bytes(4));
            $this->log->error($error->getMessage(), [
                'reference' => $reference, 'kind' => $error::class, 'at' => basename($error->getFile()) . ':' . $error->getLine(),
            ]);
            $down = $error instanceof \PDOException && str_starts_with((string) $error->getCode(), '08')
                || $error instanceof \PDOException && (int) $error->getCode() === 7;
            $response = Response::problem($down
                ? new HttpError(503, 'Back in a moment', "The site is starting up. Please try again shortly. ($reference)", [], ['Retry-After' => '5'])
                : new HttpError(500, 'Something went wrong', "It was noted under $reference. Please try again."));
        }
        $response->send($method !== 'HEAD');
    }
}
