<?php
declare(strict_types=1);

namespace Site;

use Framework\App;
use Framework\Database;
use Framework\HttpError;

/** Reads and changes what the site shows: profile, projects with their pictures, skills. */
final class Content
{
    public const PALETTES = ['ultramarine', 'moss', 'ember', 'graphite'];

    private readonly Database $db;

    public function __construct(private readonly App $app)
    {
        $this->db = $app->db;
    }

    /** Everything a page needs, in the shape the front end knows. The owner also sees drafts. */
    public function site(bool $drafts = false): array
    {
        return ['profile' => $this->profile(), 'projects' => $this->projects($drafts), 'skills' => $this->skills()];
    }

    public function profile(): array
    {
        $row = $this->db->one('select name, role, headline, intro, about, availability, location, languages, clients, email,
            links, portrait, palette, resume_file is not null as own_resume from profiles where id = 1') ?? throw HttpError::notFound();
        $row['links'] = json_decode($row['links'], true);
        $row['portraitUrl'] = $row['portrait'] === '' ? '' : $this->address($row['portrait']);
        $row['ownResume'] = (bool) $row['own_resume'];
        unset($row['own_resume'], $row['portrait']);
        return $row;
    }

    /** @return list<array<string,mixed>> in the owner's order */
    public function projects(bool $drafts): array
    {
        $projects = $this->db->all('select id, slug, title, summary, body, client, role, year, url, tags, published
            from projects where published or :drafts order by position, id limit 200', ['drafts' => $drafts]);
        $images = [];
        foreach ($this->db->all('select id, project_id, src, alt, width, height from project_images order by position, id') as $image) {
            $images[$image['project_id']][] = [
                'id' => $image['id'], 'url' => $this->address($image['src']), 'alt' => $image['alt'],
                'width' => $image['width'] ?? 1200, 'height' => $image['height'] ?? 900,
            ];
        }
        return array_map(static fn (array $project): array => [
            'tags' => json_decode($project['tags'], true),
            'images' => $images[$project['id']] ?? [],
        ] + $project, $projects);
    }

    public function project(string $slug, bool $drafts): array
    {
        foreach ($this->projects($drafts) as $project) {
            if ($project['slug'] === $slug) {
                return $project;
            }
        }
        throw HttpError::notFound('There is no such project.');
    }

    public function projectById(int $id): array
    {
        foreach ($this->projects(true) as $project) {
            if ($project['id'] === $id) {
                return $project;
            }
        }
        throw HttpError::notFound('There is no such project.');
    }

    public function skills(): array
    {
        return $this->db->all('select id, category, name, years from skills order by position, id limit 300');
    }

    public function createProject(array $values): array
    {
        if ((int) $this->db->value('select count(*) from projects') >= 200) {
            throw HttpError::invalid(['title' => 'At most 200 projects fit here.']);
        }
        $id = $this->db->value(
            "insert into projects (slug, title, summary, body, client, role, year, url, tags, published, position)
             values (:slug, :title, :summary, :body, :client, :role, :year, :url, :tags, :published,
               (select coalesce(min(position), 1) - 1 from projects))
             returning id",
            ['slug' => $this->freeSlug($values['title'])] + $values + [
                'summary' => '', 'body' => '', 'client' => '', 'role' => '', 'year' => (int) gmdate('Y'), 'url' => '', 'tags' => '[]', 'published' => false,
            ],
        );
        return $this->projectById((int) $id);
    }

    public function deleteProject(int $id): void
    {
        $files = $this->db->all('select src from project_images where project_id = :id', ['id' => $id]);
        if ($this->db->run('delete from projects where id = :id', ['id' => $id])->rowCount() === 0) {
            throw HttpError::notFound('There is no such project.');
        }
        foreach ($files as $file) {
            $this->app->uploads->remove($file['src']);
        }
    }

    /** Puts rows in the given order. Ids that are missing keep their place behind the named ones. */
    public function reorder(string $table, array $ids, string $where = 'true', array $values = []): void
    {
        $ids = array_values(array_unique(array_filter($ids, 'is_int')));
        if ($ids === [] || count($ids) > 300) {
            throw HttpError::invalid(['ids' => 'Send the ids in their new order.']);
        }
        $this->db->run(
            "update $table as target set position = coalesce(wanted.place, 1000 + target.position)
             from $table as old left join unnest(cast(:ids as integer[])) with ordinality as wanted (id, place) on wanted.id = old.id
             where target.id = old.id and " . str_replace("project_id", "target.project_id", $where),
            ['ids' => '{' . implode(',', $ids) . '}'] + $values,
        );
    }

    public function addImage(int $project, array $upload, string $alt): array
    {
        $count = (int) $this->db->value('select count(*) from project_images where project_id = :id', ['id' => $project]);
        if ($count >= 24) {
            $this->app->uploads->remove($upload['name']);
            throw HttpError::invalid(['image' => 'A project holds at most 24 pictures.']);
        }
        $this->db->run(
            'insert into project_images (project_id, src, alt, width, height, position)
             values (:project, :src, :alt, :width, :height, (select coalesce(max(position), 0) + 1 from project_images where project_id = :project))',
            ['project' => $project, 'src' => $upload['name'], 'alt' => $alt, 'width' => $upload['width'], 'height' => $upload['height']],
        );
        return $this->projectById($project);
    }

    public function deleteImage(int $project, int $image): void
    {
        $src = $this->db->value('delete from project_images where id = :id and project_id = :project returning src', ['id' => $image, 'project' => $project]);
        if ($src === null) {
            throw HttpError::notFound('There is no such picture.');
        }
        $this->app->uploads->remove($src);
    }

    /** Where the browser finds a picture: shipped with the front end, or uploaded and served by the api. */
    public function address(string $src): string
    {
        if (str_starts_with($src, 'samples/')) {
            return "/$src";
        }
        return rtrim((string) parse_url($this->app->config->apiUrl(), PHP_URL_PATH), '/') . "/files/$src";
    }

    private function freeSlug(string $title): string
    {
        $ascii = (string) @iconv('UTF-8', 'ASCII//TRANSLIT//IGNORE', $title);
        $slug = trim(substr((string) preg_replace('/[^a-z0-9]+/', '-', strtolower($ascii)), 0, 60), '-') ?: 'project';
        $taken = array_column($this->db->all('select slug from projects where slug like :like', ['like' => "$slug%"]), 'slug');
        for ($number = 2, $free = $slug; in_array($free, $taken, true); $number++) {
            $free = "$slug-$number";
        }
        return $free;
    }
}
