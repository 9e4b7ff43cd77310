<?php
declare(strict_types=1);

namespace Framework;

/** Routes that every template has: health, the owner's session, uploaded files. */
final class StandardRoutes
{
    public static function add(Router $router, App $app): void
    {
        $router->get('/health', static function () use ($app): Response {
            try {
                $database = $app->db->value('select count(*) from schema_migrations') > 0 ? 'ok' : 'empty';
            } catch (\PDOException) {
                $database = 'unreachable';
            }
            $fine = $database === 'ok';
            return Response::json(
                array_filter(['status' => $fine ? 'ok' : 'failing', 'database' => $database, 'release' => $app->config->text('RELEASE_ID')]),
                $fine ? 200 : 503,
            );
        });

        $router->post('/session', static function (Request $request) use ($app): Response {
            $app->auth->requireSameOrigin($request);
            $form = (new Validator($request->json(8 * 1024), true))->email('email', required: true)->text('password', 200, required: true)->values();
            [$cookie, $owner] = $app->auth->signIn($form['email'], $form['password'], $request->ip);
            return Response::json(['email' => $owner['email']])->with('Set-Cookie', $cookie);
        });

        $router->get('/session', static function (Request $request) use ($app): Response {
            $owner = $app->auth->owner($request);
            return Response::json(['email' => $owner['email'] ?? null]);
        });

        $router->delete('/session', static function (Request $request) use ($app): Response {
            $app->auth->requireSameOrigin($request);
            return Response::none()->with('Set-Cookie', $app->auth->expiredCookie());
        });

        $router->group([$app->auth, 'requireOwner'], static function (Router $router) use ($app): void {
            $router->put('/session/password', static function (Request $request) use ($app): Response {
                $input = $request->json(8 * 1024);
                $form = (new Validator($input, true))->text('current', 200, required: true)->text('password', 200, required: true)
                    ->check('password', mb_strlen((string) ($input['password'] ?? '')) >= 12, 'At least 12 characters, please.')->values();
                $cookie = $app->auth->changePassword($app->auth->owner($request), $form['current'], $form['password']);
                return Response::none()->with('Set-Cookie', $cookie);
            });
        });

        $router->get('/files/{name}', static fn (Request $request): Response => $app->uploads->serve($request->params['name']));
    }
}
