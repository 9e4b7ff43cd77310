<?php
declare(strict_types=1);

namespace Site;

use Framework\App;
use Framework\HttpError;

/**
 * The public pages as HTML, included by the front end's nginx into index.html: visitors see the content with the first
 * answer, search engines and readers without JavaScript get all of it. The markup mirrors the Angular components in
 * www/src/app/pages; who changes one changes the other. The script then takes over with the same data (`site-state`).
 */
final class Pages
{
    private readonly string $siteName;

    public function __construct(private readonly App $app, private readonly Content $content)
    {
        $this->siteName = $app->config->text('APP_NAME', 'Portfolio');
    }

    public function render(string $target): string
    {
        $path = '/' . trim(rawurldecode(explode('?', $target, 2)[0]), '/');
        $site = $this->content->site();
        $profile = $site['profile'];
        $status = 200;
        $title = $this->siteName . ($profile['role'] !== '' ? ' – ' . $profile['role'] : '');
        $description = $profile['intro'] !== '' ? $profile['intro'] : $profile['headline'];
        $image = '';
        $main = '';
        if ($path === '/') {
            $main = $this->home($site, str_contains($target, 'sent=1'));
            $image = $profile['portraitUrl'];
        } elseif (preg_match('#^/work/([^/]+)$#', $path, $match)) {
            try {
                $project = $this->content->project($match[1], false);
                $title = $project['title'] . ' – ' . $this->siteName;
                $description = $project['summary'] !== '' ? $project['summary'] : mb_substr($project['body'], 0, 160);
                $image = $project['images'][0]['url'] ?? '';
                $main = $this->project($project, $site['projects']);
            } catch (HttpError) {
                $status = 404;
            }
        } elseif (str_starts_with($path, '/owner')) {
            $status = 204;
        } else {
            $status = 404;
        }
        if ($status === 404) {
            $title = 'Not found – ' . $this->siteName;
            $main = '<section class="plain"><h1>This page is not here.</h1><p>It may have moved, or the address has a slip in it.</p><p><a class="button" href="/">To the first page</a></p></section>';
        }
        $config = ['name' => $this->siteName, 'domain' => $this->app->config->domain(), 'apiUrl' => $this->app->config->apiUrl(), 'alertUrl' => $this->app->config->text('ALERT_URL', $this->app->config->siteUrl())];
        $state = $this->data(['config' => $config, 'site' => $site]);
        return $this->head($title, $description, $path, $image, $status, $profile)
            . "</head>\n<body data-palette=\"{$this->h($profile['palette'])}\">\n"
            . ($status === 204 ? '<app-root></app-root>' : "<div id=\"server\">{$this->frame($profile, $main)}</div>\n<app-root hidden></app-root>")
            . "\n<script type=\"application/json\" id=\"site-state\">$state</script>\n";
    }

    public function sitemap(): string
    {
        $urls = [$this->app->config->siteUrl() . '/'];
        foreach ($this->content->projects(false) as $project) {
            $urls[] = $this->app->config->siteUrl() . '/work/' . rawurlencode($project['slug']);
        }
        $entries = array_map(static fn (string $url): string => '<url><loc>' . htmlspecialchars($url, ENT_XML1) . '</loc></url>', $urls);
        return '<?xml version="1.0" encoding="UTF-8"?>' . "\n" . '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">' . implode('', $entries) . "</urlset>\n";
    }

    private function head(string $title, string $description, string $path, string $image, int $status, array $profile): string
    {
        $url = $this->app->config->siteUrl();
        $description = mb_substr(trim((string) preg_replace('/\s+/u', ' ', $description)), 0, 300);
        $meta = "<title>{$this->h($title)}</title>\n<meta name=\"description\" content=\"{$this->h($description)}\">\n";
        if ($status !== 200) {
            return $meta . "<meta name=\"robots\" content=\"noindex\">\n";
        }
        $meta .= "<link rel=\"canonical\" href=\"{$this->h($url . $path)}\">\n";
        foreach (['og:title' => $title, 'og:description' => $description, 'og:type' => 'website', 'og:url' => $url . $path, 'og:site_name' => $this->siteName] as $property => $value) {
            $meta .= "<meta property=\"$property\" content=\"{$this->h($value)}\">\n";
        }
        if ($image !== '' && !str_ends_with($image, '.svg')) {
            $meta .= "<meta property=\"og:image\" content=\"{$this->h($url . $image)}\">\n";
        }
        $person = ['@context' => 'https://schema.org', '@type' => 'Person', 'name' => $profile['name'], 'jobTitle' => $profile['role'], 'url' => $url, 'sameAs' => array_column($profile['links'], 'url')];
        return $meta . "<script type=\"application/ld+json\">{$this->data(array_filter($person))}</script>\n";
    }

    private function frame(array $profile, string $main): string
    {
        $links = '';
        foreach ($profile['links'] as $link) {
            $links .= "<li><a href=\"{$this->h($link['url'])}\" rel=\"me noopener\">{$this->h($link['label'])}</a></li>";
        }
        $links = $links === '' ? '' : "<ul class=\"links\">$links</ul>";
        return <<<HTML
            <a class="skip" href="#main">Skip to content</a>
            <header class="bar"><a class="brand" href="/"><span class="mark" aria-hidden="true"><i></i><i></i><i></i></span><span class="brand-name">{$this->h($this->siteName)}</span></a>
            <nav aria-label="Main"><a href="/#work">Work</a><a href="/#about">About</a><a href="/#skills">Skills</a><a href="/#contact">Contact</a></nav>
            <button class="theme" type="button" aria-label="Switch between light and dark"><span aria-hidden="true"></span></button></header>
            <main id="main" tabindex="-1">$main</main>
            <footer class="foot"><p>© {$this->h($this->siteName)}</p>$links<a href="/owner" rel="nofollow">Owner</a></footer>
            HTML;
    }

    private function home(array $site, bool $sent): string
    {
        ['profile' => $profile, 'projects' => $projects, 'skills' => $skills] = $site;
        $api = $this->h((string) parse_url($this->app->config->apiUrl(), PHP_URL_PATH));
        $kicker = $profile['availability'] === '' ? '' : "<p class=\"kicker\"><span>{$this->h($profile['availability'])}</span></p>";
        $portrait = $profile['portraitUrl'] === '' ? '' : "<img src=\"{$this->h($profile['portraitUrl'])}\" alt=\"Portrait of {$this->h($profile['name'])}\" width=\"640\" height=\"640\" fetchpriority=\"high\">";
        $intro = $profile['intro'] === '' ? '' : "<p class=\"lede\">{$this->h($profile['intro'])}</p>";
        $long = mb_strlen($profile['headline']) > 48 ? ' class="long"' : '';
        $hero = <<<HTML
            <section class="hero"><div class="hero-text">$kicker<h1$long>{$this->h($profile["headline"])}</h1>$intro
            <div class="actions"><a class="button" href="/#work">See the work</a><a class="button quiet" href="$api/resume.pdf" download>Résumé (PDF)</a></div></div>
            <div class="hero-art"><span class="ink a"></span><span class="ink b"></span><span class="ink c"></span><div class="portrait">$portrait</div></div></section>
            HTML;
        $tags = [];
        $cards = '';
        foreach ($projects as $project) {
            foreach ($project['tags'] as $tag) {
                $tags[$tag] = ($tags[$tag] ?? 0) + 1;
            }
            $cards .= $this->card($project);
        }
        arsort($tags);
        $filters = '<button type="button" class="chip" aria-pressed="true">All</button>';
        foreach (array_slice(array_keys($tags), 0, 10) as $tag) {
            $filters .= "<button type=\"button\" class=\"chip\" aria-pressed=\"false\">{$this->h((string) $tag)}</button>";
        }
        $work = $projects === [] ? '' : "<section class=\"work\" id=\"work\"><div class=\"section-head\"><h2>Work</h2><div class=\"filters\" role=\"group\" aria-label=\"Filter by kind\">$filters</div></div><ul class=\"grid\">$cards</ul></section>";
        $facts = '';
        foreach (['Based in' => 'location', 'Speaks' => 'languages', 'Works with' => 'clients'] as $label => $field) {
            if ($profile[$field] !== '') {
                $facts .= "<div><dt>$label</dt><dd>{$this->h($profile[$field])}</dd></div>";
            }
        }
        $about = "<section class=\"about\" id=\"about\"><div class=\"about-head\"><h2>About</h2><p class=\"who\"><strong>{$this->h($profile['name'])}</strong><span>{$this->h($profile['role'])}</span></p></div><div class=\"about-text\">{$this->h($profile['about'])}</div><dl class=\"facts\">$facts</dl></section>";
        $groups = [];
        foreach ($skills as $skill) {
            $years = $skill['years'] === null ? '' : '<span class="years">' . ($skill['years'] === 1 ? '1 year' : "{$skill['years']} years") . '</span>';
            $groups[$skill['category']] = ($groups[$skill['category']] ?? '') . "<li><span>{$this->h($skill['name'])}</span><span class=\"leader\"></span>$years</li>";
        }
        $lists = '';
        foreach ($groups as $category => $rows) {
            $lists .= "<div class=\"skill-group\"><h3>{$this->h((string) $category)}</h3><ul>$rows</ul></div>";
        }
        $skillSection = $skills === [] ? '' : "<section class=\"skills\" id=\"skills\"><h2>Skills</h2><div class=\"skill-groups\">$lists</div></section>";
        $email = $profile['email'] === '' ? '' : "<p><a class=\"mail\" href=\"mailto:{$this->h($profile['email'])}\">{$this->h($profile['email'])}</a></p>";
        $form = $sent
            ? '<div class="sent" role="status"><h3>Thank you, it has arrived.</h3><p>You will get an answer by e-mail.</p></div>'
            : "<form class=\"contact-form\" action=\"$api/contact\" method=\"post\">"
                . '<div class="field"><label for="c-name">Your name</label><input id="c-name" name="name" autocomplete="name" maxlength="100" required></div>'
                . '<div class="field"><label for="c-email">Your e-mail</label><input id="c-email" name="email" type="email" autocomplete="email" maxlength="200" required></div>'
                . '<div class="field"><label for="c-message">What is it about?</label><textarea id="c-message" name="message" rows="5" maxlength="5000" required></textarea></div>'
                . '<div class="trap" aria-hidden="true"><label for="c-website">Leave this empty</label><input id="c-website" name="website" tabindex="-1" autocomplete="off"></div>'
                . '<button class="button" type="submit">Send message</button></form>';
        $contact = "<section class=\"contact\" id=\"contact\"><div class=\"contact-text\"><h2>Let’s talk</h2><p>Tell me what you make and what should change. A few lines are plenty.</p>$email</div>$form</section>";
        return $hero . $work . $about . $skillSection . $contact;
    }

    private function card(array $project): string
    {
        $cover = $project['images'][0] ?? null;
        $picture = $cover === null ? '' : "<img src=\"{$this->h($cover['url'])}\" alt=\"{$this->h($cover['alt'])}\" width=\"{$cover['width']}\" height=\"{$cover['height']}\" loading=\"lazy\">";
        $meta = $this->h(implode(' · ', array_filter([...array_slice($project['tags'], 0, 3), (string) $project['year']])));
        return "<li class=\"card\"><a href=\"/work/{$this->h(rawurlencode($project['slug']))}\"><span class=\"cover\">$picture</span><span class=\"card-text\"><strong>{$this->h($project['title'])}</strong><span>{$this->h($project['summary'])}</span><small>$meta</small></span></a></li>";
    }

    private function project(array $project, array $all): string
    {
        $facts = '';
        foreach (['Client' => 'client', 'My part' => 'role', 'Year' => 'year'] as $label => $field) {
            if ((string) $project[$field] !== '') {
                $facts .= "<div><dt>$label</dt><dd>{$this->h((string) $project[$field])}</dd></div>";
            }
        }
        $tags = implode('', array_map(fn (string $tag): string => "<li>{$this->h($tag)}</li>", $project['tags']));
        $visit = $project['url'] === '' ? '' : "<p><a class=\"button quiet\" href=\"{$this->h($project['url'])}\" rel=\"noopener\">Visit the result</a></p>";
        $gallery = '';
        foreach ($project['images'] as $number => $image) {
            $lazy = $number === 0 ? 'fetchpriority="high"' : 'loading="lazy"';
            $gallery .= "<li><button type=\"button\" class=\"picture\" aria-label=\"Enlarge: {$this->h($image['alt'] !== '' ? $image['alt'] : 'picture ' . ($number + 1))}\"><img src=\"{$this->h($image['url'])}\" alt=\"\" width=\"{$image['width']}\" height=\"{$image['height']}\" $lazy></button></li>";
        }
        $next = '';
        foreach ($all as $place => $other) {
            if ($other['slug'] === $project['slug'] && count($all) > 1) {
                $following = $all[($place + 1) % count($all)];
                $next = "<nav class=\"next\" aria-label=\"More work\"><a href=\"/work/{$this->h(rawurlencode($following['slug']))}\"><span>Next</span><strong>{$this->h($following['title'])}</strong></a></nav>";
            }
        }
        return "<article class=\"project\"><header class=\"project-head\"><p class=\"back\"><a href=\"/#work\">All work</a></p><h1>{$this->h($project['title'])}</h1><p class=\"lede\">{$this->h($project['summary'])}</p><ul class=\"tags\">$tags</ul></header>"
            . "<div class=\"project-body\"><dl class=\"facts\">$facts</dl><div class=\"prose\">{$this->h($project['body'])}</div>$visit</div><ul class=\"gallery\">$gallery</ul>$next</article>";
    }

    private function h(string $text): string
    {
        return htmlspecialchars($text, ENT_QUOTES | ENT_SUBSTITUTE | ENT_HTML5, 'UTF-8');
    }

    /** JSON that may stand inside a script element: no `<`, so neither `</script>` nor a server-side include. */
    private function data(array $value): string
    {
        return json_encode($value, JSON_HEX_TAG | JSON_HEX_AMP | JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_THROW_ON_ERROR | JSON_INVALID_UTF8_SUBSTITUTE);
    }
}
