<?php
// The portfolio's api. The edge strips /api, so `GET /api/profile` arrives here as `GET /profile`.
declare(strict_types=1);

use Framework\App;
use Framework\HttpError;
use Framework\Request;
use Framework\Response;
use Framework\Router;
use Framework\Validator;
use Site\Content;
use Site\Pages;
use Site\Resume;

return static function (Router $router, App $app): void {
    $content = new Content($app);
    $isOwner = static fn (Request $request): bool => $app->auth->owner($request) !== null;

    // What everybody may read.
    $router->get('/site', static fn (Request $request): Response => Response::json($content->site($isOwner($request))));
    $router->get('/profile', static fn (): Response => Response::json($content->profile()));
    $router->get('/projects', static fn (Request $request): Response => Response::json($content->projects($isOwner($request))));
    $router->get('/projects/{slug}', static fn (Request $request): Response => Response::json($content->project($request->params['slug'], $isOwner($request))));
    $router->get('/skills', static fn (): Response => Response::json($content->skills()));
    $router->get('/resume.pdf', static function () use ($app, $content): Response {
        $uploaded = (string) $app->db->value('select resume_file from profiles where id = 1');
        $path = $uploaded === '' ? null : $app->uploads->path($uploaded);
        $site = $content->site();
        $name = trim((string) preg_replace('/[^A-Za-z0-9]+/', '-', (string) iconv('UTF-8', 'ASCII//TRANSLIT//IGNORE', $site['profile']['name'])), '-');
        $name = ($name ?: 'resume') . '-resume.pdf';
        if ($path !== null) {
            return Response::file($path, 'application/pdf', $name, true)->with('Cache-Control', 'no-cache');
        }
        return new Response(200, Resume::pdf($site, $app->config->siteUrl()), [
            'Content-Type' => 'application/pdf', 'Content-Disposition' => "attachment; filename=\"$name\"", 'Cache-Control' => 'no-cache',
        ]);
    });

    // For the front end's server: the page as HTML, and what search engines read.
    $router->get('/page', static fn (Request $request): Response => Response::html((new Pages($app, $content))->render($request->header('x-page-path'))));
    $router->get('/sitemap.xml', static fn (): Response => Response::text((new Pages($app, $content))->sitemap(), 'application/xml'));
    $router->get('/robots.txt', static fn (): Response => Response::text("User-agent: *\nAllow: /\nDisallow: /owner\n\nSitemap: {$app->config->siteUrl()}/sitemap.xml\n"));

    // The contact form: JSON from the page, a plain form from visitors without JavaScript.
    $router->post('/contact', static function (Request $request) use ($app): Response {
        $plain = $request->contentType() === 'application/x-www-form-urlencoded';
        $input = $plain ? $request->form(32 * 1024) : $request->json(32 * 1024);
        $done = static fn (): Response => $plain ? Response::redirect('/?sent=1#contact') : Response::json(['sent' => true], 201);
        // A field people do not see. Whoever fills it in is told what a person would be told.
        if (($input['website'] ?? '') !== '') {
            return $done();
        }
        $values = (new Validator($input, true))
            ->text('name', 100, required: true)->email('email', required: true)->text('message', 5000, required: true, lines: true)
            ->values();
        $app->limiter->hit('contact', $request->ip, 5, 3600);
        $app->limiter->hit('contact-all', 'everyone', 200, 86400);
        $id = (int) $app->db->value(
            'insert into contact_messages (name, email, message) values (:name, :email, :message) returning id', $values,
        );
        $app->notifier->tell('message', ['id' => $id]);
        if ($app->mailer->configured()) {
            $to = $app->config->text('SITE_OWNER_EMAIL', (string) $app->db->value('select email from profiles where id = 1'));
            $app->mailer->send($to, $values['email'], 'New message from ' . $values['name'], $values['message'] . "\n\n-- \nSent through {$app->config->siteUrl()}");
        }
        return $done();
    });

    // What only the owner may do.
    $router->group([$app->auth, 'requireOwner'], static function (Router $router) use ($app, $content): void {
        $id = static fn (Request $request, string $name = 'id'): int => (int) $request->params[$name];
        $found = static fn (bool $changed): ?HttpError => $changed ? null : throw HttpError::notFound();

        $router->patch('/profile', static function (Request $request) use ($app, $content): Response {
            $input = $request->json();
            $values = (new Validator($input, false))
                ->text('name', 80, required: true)->text('role', 120)->text('headline', 140, required: true)
                ->text('intro', 400, lines: true)->text('about', 4000, lines: true)->text('availability', 80)
                ->text('location', 80)->text('languages', 120)->text('clients', 160)->email('email')->choice('palette', Content::PALETTES)
                ->values();
            if (array_key_exists('links', $input)) {
                $links = [];
                foreach (array_slice(is_array($input['links']) ? array_values($input['links']) : [], 0, 8) as $link) {
                    $link = (new Validator(is_array($link) ? $link : [], true))->text('label', 40, required: true)->url('url')->values();
                    if (($link['url'] ?? '') !== '') {
                        $links[] = $link;
                    }
                }
                $values['links'] = json_encode($links, JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES | JSON_THROW_ON_ERROR);
            }
            $app->db->update('profiles', 1, $values);
            return Response::json($content->profile());
        });
        $router->put('/profile/portrait', static function (Request $request) use ($app, $content): Response {
            $old = (string) $app->db->value('select portrait from profiles where id = 1');
            $upload = $app->uploads->image($request);
            $app->db->update('profiles', 1, ['portrait' => $upload['name']]);
            $app->uploads->remove($old);
            return Response::json($content->profile());
        });
        $router->put('/resume.pdf', static function (Request $request) use ($app, $content): Response {
            $old = $app->db->value('select resume_file from profiles where id = 1');
            $upload = $app->uploads->pdf($request);
            $app->db->update('profiles', 1, ['resume_file' => $upload['name']]);
            $app->uploads->remove($old);
            return Response::json($content->profile());
        });
        $router->delete('/resume.pdf', static function () use ($app, $content): Response {
            $app->uploads->remove($app->db->value('select resume_file from profiles where id = 1'));
            $app->db->update('profiles', 1, ['resume_file' => null]);
            return Response::json($content->profile());
        });

        $project = static fn (array $input, bool $creating): array => (new Validator($input, $creating))
            ->text('title', 100, required: true)->text('summary', 240)->text('body', 20000, lines: true)->text('client', 100)
            ->text('role', 120)->integer('year', 1900, 2200)->url('url')->tags('tags')->boolean('published')->values();
        $router->post('/projects', static fn (Request $request): Response => Response::json($content->createProject($project($request->json(), true)), 201));
        $router->put('/projects/order', static function (Request $request) use ($content): Response {
            $content->reorder('projects', (array) ($request->json()['ids'] ?? []));
            return Response::none();
        });
        $router->patch('/projects/{id:int}', static function (Request $request) use ($app, $content, $project, $id, $found): Response {
            $found($app->db->update('projects', $id($request), $project($request->json(), false)));
            return Response::json($content->projectById($id($request)));
        });
        $router->delete('/projects/{id:int}', static function (Request $request) use ($content, $id): Response {
            $content->deleteProject($id($request));
            return Response::none();
        });
        $router->post('/projects/{id:int}/images', static function (Request $request) use ($app, $content, $id): Response {
            $content->projectById($id($request));
            $upload = $app->uploads->image($request);
            $alt = (new Validator(['alt' => (string) ($request->query['alt'] ?? '')], true))->text('alt', 200)->values()['alt'];
            return Response::json($content->addImage($id($request), $upload, $alt), 201);
        });
        $router->put('/projects/{id:int}/images/order', static function (Request $request) use ($content, $id): Response {
            $content->reorder('project_images', (array) ($request->json()['ids'] ?? []), 'project_id = :project', ['project' => $id($request)]);
            return Response::json($content->projectById($id($request)));
        });
        $router->patch('/projects/{id:int}/images/{image:int}', static function (Request $request) use ($app, $content, $id, $found): Response {
            $values = (new Validator($request->json(), false))->text('alt', 200)->values();
            $content->projectById($id($request));
            $found($app->db->update('project_images', $id($request, 'image'), $values));
            return Response::json($content->projectById($id($request)));
        });
        $router->delete('/projects/{id:int}/images/{image:int}', static function (Request $request) use ($content, $id): Response {
            $content->deleteImage($id($request), $id($request, 'image'));
            return Response::json($content->projectById($id($request)));
        });

        $skill = static fn (array $input, bool $creating): array => (new Validator($input, $creating))
            ->text('category', 60)->text('name', 80, required: true)->integer('years', 0, 80)->values();
        $router->post('/skills', static function (Request $request) use ($app, $content, $skill): Response {
            $values = $skill($request->json(), true) + ['category' => '', 'years' => null];
            if ((int) $app->db->value('select count(*) from skills') >= 300) {
                throw HttpError::invalid(['name' => 'At most 300 skills fit here.']);
            }
            $app->db->run('insert into skills (category, name, years, position)
                values (:category, :name, :years, (select coalesce(max(position), 0) + 1 from skills))', $values);
            return Response::json($content->skills(), 201);
        });
        $router->put('/skills/order', static function (Request $request) use ($content): Response {
            $content->reorder('skills', (array) ($request->json()['ids'] ?? []));
            return Response::json($content->skills());
        });
        $router->patch('/skills/{id:int}', static function (Request $request) use ($app, $content, $skill, $id, $found): Response {
            $found($app->db->update('skills', $id($request), $skill($request->json(), false)));
            return Response::json($content->skills());
        });
        $router->delete('/skills/{id:int}', static function (Request $request) use ($app, $content, $id, $found): Response {
            $found($app->db->run('delete from skills where id = :id', ['id' => $id($request)])->rowCount() === 1);
            return Response::json($content->skills());
        });

        $router->get('/messages', static function (Request $request) use ($app): Response {
            $before = (int) ($request->query['before'] ?? PHP_INT_MAX);
            $messages = $app->db->all(
                "select id, name, email, message, read_at is not null as read,
                   to_char(created_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') as sent_at
                 from contact_messages where id < :before order by id desc limit 50",
                ['before' => max(0, min($before, 2147483647))],
            );
            $unread = (int) $app->db->value('select count(*) from contact_messages where read_at is null');
            return Response::json(['messages' => $messages, 'unread' => $unread]);
        });
        $router->patch('/messages/{id:int}', static function (Request $request) use ($app, $id, $found): Response {
            $read = (new Validator($request->json(), true))->boolean('read')->values()['read'] ?? true;
            $found($app->db->run(
                'update contact_messages set read_at = case when :read then coalesce(read_at, now()) end where id = :id',
                ['read' => $read, 'id' => $id($request)],
            )->rowCount() === 1);
            return Response::none();
        });
        $router->delete('/messages/{id:int}', static function (Request $request) use ($app, $id, $found): Response {
            $found($app->db->run('delete from contact_messages where id = :id', ['id' => $id($request)])->rowCount() === 1);
            return Response::none();
        });
    });
};
