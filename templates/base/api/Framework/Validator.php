<?php
declare(strict_types=1);

namespace Framework;

/**
 * Takes wanted fields out of what a visitor sent, one call per field, and collects one message per field.
 * Only fields that were sent appear in `values()`, so the same rules serve creating and changing.
 */
final class Validator
{
    private array $values = [];
    /** @var array<string,string> */
    private array $errors = [];

    public function __construct(private readonly array $input, private readonly bool $creating)
    {
    }

    public function text(string $field, int $max, bool $required = false, bool $lines = false): self
    {
        return $this->take($field, $required, function (mixed $value) use ($max, $required, $lines, $field): ?string {
            if (!is_string($value) || !mb_check_encoding($value, 'UTF-8')) {
                return $this->fail($field, 'This has to be text.');
            }
            $value = str_replace(["\r\n", "\r"], "\n", $value);
            $value = (string) preg_replace($lines ? '/[^\P{Cc}\n\t]/u' : '/\p{Cc}+/u', $lines ? '' : ' ', $value);
            $value = trim((string) preg_replace('/\n{3,}/', "\n\n", $value));
            if ($required && $value === '') {
                return $this->fail($field, 'Please fill this in.');
            }
            if (mb_strlen($value) > $max) {
                return $this->fail($field, "At most $max characters, please.");
            }
            return $value;
        });
    }

    public function email(string $field, bool $required = false): self
    {
        return $this->text($field, 200, $required)->then($field, function (string $value) use ($field): ?string {
            $good = $value === '' || filter_var($value, FILTER_VALIDATE_EMAIL, FILTER_FLAG_EMAIL_UNICODE);
            return $good ? $value : $this->fail($field, 'This does not look like an e-mail address.');
        });
    }

    /** http and https only: `javascript:` and friends never reach an href. */
    public function url(string $field): self
    {
        return $this->text($field, 300)->then($field, function (string $value) use ($field): ?string {
            if ($value !== '' && !preg_match('#^[a-z][a-z0-9+.-]*:#i', $value)) {
                $value = "https://$value";
            }
            $good = $value === '' || (preg_match('#^https?://[^\s<>"\']+$#i', $value) && filter_var($value, FILTER_VALIDATE_URL));
            return $good ? $value : $this->fail($field, 'This does not look like a web address (https://…).');
        });
    }

    public function integer(string $field, int $min, int $max): self
    {
        return $this->take($field, false, function (mixed $value) use ($field, $min, $max): ?int {
            if ($value === '' || $value === null) {
                return null;
            }
            $number = filter_var($value, FILTER_VALIDATE_INT, ['options' => ['min_range' => $min, 'max_range' => $max]]);
            return $number === false ? $this->fail($field, "A whole number from $min to $max, please.") : $number;
        });
    }

    public function boolean(string $field): self
    {
        return $this->take($field, false, fn (mixed $value): ?bool => is_bool($value)
            ? $value : $this->fail($field, 'This is either on or off.'));
    }

    /** @param list<string> $choices */
    public function choice(string $field, array $choices): self
    {
        return $this->take($field, false, fn (mixed $value): ?string => in_array($value, $choices, true)
            ? $value : $this->fail($field, 'Please choose one of the list.'));
    }

    /** A list of short texts, stored as JSON. */
    public function tags(string $field, int $most = 8, int $max = 30): self
    {
        return $this->take($field, false, function (mixed $value) use ($field, $most, $max): ?string {
            $tags = [];
            foreach (is_array($value) ? $value : [null] as $tag) {
                if (!is_string($tag) || !mb_check_encoding($tag, 'UTF-8')) {
                    return $this->fail($field, 'Tags have to be short texts.');
                }
                $tag = trim((string) preg_replace('/[\p{Cc},]+/u', ' ', $tag));
                if (mb_strlen($tag) > $max) {
                    return $this->fail($field, "A tag has at most $max characters.");
                }
                if ($tag !== '') {
                    $tags[mb_strtolower($tag)] = $tag;
                }
            }
            return count($tags) > $most
                ? $this->fail($field, "At most $most tags, please.")
                : json_encode(array_values($tags), JSON_UNESCAPED_UNICODE | JSON_THROW_ON_ERROR);
        });
    }

    public function check(string $field, bool $good, string $message): self
    {
        if (!$good && !isset($this->errors[$field])) {
            $this->errors[$field] = $message;
        }
        return $this;
    }

    /** @return array<string,mixed> the fields that were sent, clean */
    public function values(): array
    {
        if ($this->errors !== []) {
            throw HttpError::invalid($this->errors);
        }
        return $this->values;
    }

    private function take(string $field, bool $required, callable $clean): self
    {
        if (!array_key_exists($field, $this->input)) {
            if ($required && $this->creating) {
                $this->errors[$field] = 'Please fill this in.';
            }
            return $this;
        }
        $value = $clean($this->input[$field]);
        if (!isset($this->errors[$field])) {
            $this->values[$field] = $value;
        }
        return $this;
    }

    private function then(string $field, callable $clean): self
    {
        if (isset($this->values[$field])) {
            $value = $clean($this->values[$field]);
            if (isset($this->errors[$field])) {
                unset($this->values[$field]);
            } else {
                $this->values[$field] = $value;
            }
        }
        return $this;
    }

    private function fail(string $field, string $message): mixed
    {
        $this->errors[$field] = $message;
        return null;
    }
}
