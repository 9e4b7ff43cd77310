<?php
declare(strict_types=1);

namespace Framework;

/**
 * Applies migrations/NNNN_name.sql in order, each once, each in its own transaction. An advisory lock makes two
 * containers that start together take turns. 0001–0099 belong to the base, a template starts at 0100, an owner's own
 * changes at 1000.
 */
final class Migrator
{
    private const LOCK = 7_216_411_302;

    public function __construct(private readonly Database $db, private readonly string $folder)
    {
    }

    /** @return list<string> the names that were applied now */
    public function run(): array
    {
        $pdo = $this->db->pdo();
        $pdo->exec("set statement_timeout = '120s'; set client_min_messages = warning");
        $this->db->run('select pg_advisory_lock(:key)', ['key' => self::LOCK]);
        try {
            $pdo->exec('create table if not exists schema_migrations (
                version text primary key, checksum text not null, applied_at timestamptz not null default now())');
            $applied = array_column($this->db->all('select version, checksum from schema_migrations'), 'checksum', 'version');
            $done = [];
            foreach ($this->files() as $name => $sql) {
                $checksum = hash('sha256', $sql);
                if (isset($applied[$name])) {
                    if (!hash_equals($applied[$name], $checksum)) {
                        fwrite(STDERR, "migration $name was changed after it had been applied; the change is ignored\n");
                    }
                    continue;
                }
                $this->db->transaction(function (Database $db) use ($sql, $name, $checksum): void {
                    $db->pdo()->exec($sql);
                    $db->run('insert into schema_migrations (version, checksum) values (:v, :c)', ['v' => $name, 'c' => $checksum]);
                });
                $done[] = $name;
            }
            return $done;
        } finally {
            $this->db->run('select pg_advisory_unlock(:key)', ['key' => self::LOCK]);
        }
    }

    /** @return array<string,string> name to SQL, in order */
    private function files(): array
    {
        $files = [];
        foreach (glob($this->folder . '/[0-9][0-9][0-9][0-9]_*.sql') ?: [] as $path) {
            $files[basename($path, '.sql')] = (string) file_get_contents($path);
        }
        ksort($files, SORT_STRING);
        return $files;
    }
}
