<?php
declare(strict_types=1);

namespace Framework;

use PDO;
use PDOStatement;

/** PostgreSQL through prepared statements. Connects on first use. */
final class Database
{
    private ?PDO $pdo = null;

    public function __construct(private readonly Config $config)
    {
    }

    public function pdo(): PDO
    {
        if ($this->pdo === null) {
            $quote = static fn (string $value): string => "'" . addcslashes($value, "'\\") . "'";
            $dsn = sprintf(
                'pgsql:host=%s port=%d dbname=%s connect_timeout=3 application_name=site-api',
                $quote($this->config->text('DB_HOST', 'db')),
                (int) $this->config->text('DB_PORT', '5432'),
                $quote($this->config->text('DB_NAME')),
            );
            $this->pdo = new PDO($dsn, $this->config->text('DB_USER'), $this->config->text('DB_PASSWORD'), [
                PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION,
                PDO::ATTR_DEFAULT_FETCH_MODE => PDO::FETCH_ASSOC,
                PDO::ATTR_EMULATE_PREPARES => false,
            ]);
            $this->pdo->exec("set statement_timeout = '10s'");
        }
        return $this->pdo;
    }

    public function run(string $sql, array $values = []): PDOStatement
    {
        $statement = $this->pdo()->prepare($sql);
        foreach ($values as $name => $value) {
            $type = match (true) {
                is_bool($value) => PDO::PARAM_BOOL,
                is_int($value) => PDO::PARAM_INT,
                $value === null => PDO::PARAM_NULL,
                default => PDO::PARAM_STR,
            };
            $statement->bindValue(is_int($name) ? $name + 1 : $name, $value, $type);
        }
        $statement->execute();
        return $statement;
    }

    /** @return list<array<string,mixed>> */
    public function all(string $sql, array $values = []): array
    {
        return $this->run($sql, $values)->fetchAll();
    }

    /** @return array<string,mixed>|null */
    public function one(string $sql, array $values = []): ?array
    {
        return $this->run($sql, $values)->fetch() ?: null;
    }

    public function value(string $sql, array $values = []): mixed
    {
        $value = $this->run($sql, $values)->fetchColumn();
        return $value === false ? null : $value;
    }

    /**
     * Updates the named columns of one row. Column names come from code (a validator's keys), never from a visitor;
     * anything else than a plain identifier is refused all the same.
     */
    public function update(string $table, int $id, array $columns): bool
    {
        if ($columns === []) {
            return $this->value("select 1 from $table where id = :id", ['id' => $id]) !== null;
        }
        $set = [];
        foreach (array_keys($columns) as $column) {
            if (!preg_match('/^[a-z_]+$/', $column)) {
                throw new \LogicException("not a column: $column");
            }
            $set[] = "$column = :$column";
        }
        $sql = "update $table set " . implode(', ', $set) . ', updated_at = now() where id = :id';
        return $this->run($sql, $columns + ['id' => $id])->rowCount() === 1;
    }

    /** @template T @param callable(self):T $work @return T */
    public function transaction(callable $work): mixed
    {
        $this->pdo()->beginTransaction();
        try {
            $result = $work($this);
            $this->pdo()->commit();
            return $result;
        } catch (\Throwable $error) {
            if ($this->pdo()->inTransaction()) {
                $this->pdo()->rollBack();
            }
            throw $error;
        }
    }
}
