<?php
declare(strict_types=1);

namespace Framework;

/**
 * Method and path to handler. Paths carry {names}; `{name:int}` takes digits only. Middleware wraps a group:
 * `fn (Request $request, callable $next): Response`.
 */
final class Router
{
    /** @var list<array{string,string,callable,list<callable>}> */
    private array $routes = [];
    /** @var list<callable> */
    private array $middleware = [];

    public function get(string $path, callable $handler): void
    {
        $this->add('GET', $path, $handler);
    }

    public function post(string $path, callable $handler): void
    {
        $this->add('POST', $path, $handler);
    }

    public function put(string $path, callable $handler): void
    {
        $this->add('PUT', $path, $handler);
    }

    public function patch(string $path, callable $handler): void
    {
        $this->add('PATCH', $path, $handler);
    }

    public function delete(string $path, callable $handler): void
    {
        $this->add('DELETE', $path, $handler);
    }

    /** Routes declared inside `$routes` pass through `$middleware` first. */
    public function group(callable $middleware, callable $routes): void
    {
        $this->middleware[] = $middleware;
        $routes($this);
        array_pop($this->middleware);
    }

    private function add(string $method, string $path, callable $handler): void
    {
        $pattern = preg_replace('/\\\\\{(\w+)\\\\:int\\\\\}/', '(?<$1>\d{1,9})', preg_quote($path, '#'));
        $pattern = preg_replace('/\\\\\{(\w+)\\\\\}/', '(?<$1>[^/]+)', $pattern);
        $this->routes[] = [$method, "#^$pattern$#uD", $handler, $this->middleware];
    }

    public function dispatch(Request $request): Response
    {
        $method = $request->method === 'HEAD' ? 'GET' : $request->method;
        $allowed = [];
        foreach ($this->routes as [$routeMethod, $pattern, $handler, $middleware]) {
            if (!preg_match($pattern, $request->path, $match)) {
                continue;
            }
            if ($routeMethod !== $method) {
                $allowed[] = $routeMethod;
                continue;
            }
            $request->params = array_filter($match, 'is_string', ARRAY_FILTER_USE_KEY);
            $next = $handler;
            foreach (array_reverse($middleware) as $layer) {
                $inner = $next;
                $next = static fn (Request $request): Response => $layer($request, $inner);
            }
            return $next($request);
        }
        if ($allowed !== []) {
            $methods = implode(', ', array_unique($allowed));
            throw new HttpError(405, 'Method not allowed', "This address answers to $methods.", [], ['Allow' => $methods]);
        }
        throw HttpError::notFound();
    }
}
