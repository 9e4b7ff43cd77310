<?php
declare(strict_types=1);

namespace Framework;

/**
 * Files the owner uploads: the raw request body, checked by its bytes, stored outside the web root under a random
 * name. What the client calls the file or its type is not trusted and not kept.
 */
final class Uploads
{
    /** type => extension; SVG and HTML are left out on purpose, they can carry scripts. */
    private const TYPES = [
        'image/jpeg' => 'jpg', 'image/png' => 'png', 'image/webp' => 'webp', 'image/avif' => 'avif', 'application/pdf' => 'pdf',
    ];

    public function __construct(private readonly Database $db, private readonly Config $config)
    {
    }

    /** @return array{name:string, width:?int, height:?int} */
    public function image(Request $request): array
    {
        return $this->store($request, static fn (string $type): bool => str_starts_with($type, 'image/'), 'a JPEG, PNG, WebP or AVIF picture');
    }

    /** @return array{name:string, width:?int, height:?int} */
    public function pdf(Request $request): array
    {
        return $this->store($request, static fn (string $type): bool => $type === 'application/pdf', 'a PDF file');
    }

    public function serve(string $name): Response
    {
        if (!preg_match('/^[a-f0-9]{32}\.(jpg|png|webp|avif|pdf)$/D', $name, $match)) {
            throw HttpError::notFound();
        }
        $path = $this->config->storagePath() . "/uploads/$name";
        if (!is_file($path)) {
            throw HttpError::notFound();
        }
        $type = array_search($match[1], self::TYPES, true);
        return Response::file($path, $type, $name, $match[1] === 'pdf');
    }

    public function path(string $name): ?string
    {
        $path = $this->config->storagePath() . '/uploads/' . basename($name);
        return is_file($path) ? $path : null;
    }

    public function remove(?string $name): void
    {
        if ($name === null || !preg_match('/^[a-f0-9]{32}\.\w{3,4}$/D', $name)) {
            return;
        }
        $this->db->run('delete from uploads where name = :name', ['name' => $name]);
        @unlink($this->config->storagePath() . "/uploads/$name");
    }

    private function store(Request $request, callable $wanted, string $wantedWords): array
    {
        $limit = $this->config->bytes('UPLOAD_MAX_SIZE', '10M');
        if ((int) $request->header('content-length') > $limit) {
            throw Request::tooLarge($limit);
        }
        $folder = $this->config->storagePath() . '/uploads';
        if (!is_dir($folder) && !@mkdir($folder, 0750, true) && !is_dir($folder)) {
            throw new \RuntimeException('the storage folder cannot be written');
        }
        $total = (int) $this->db->value('select coalesce(sum(bytes), 0) from uploads');
        if ($total > $this->config->bytes('UPLOAD_TOTAL_MAX', '1G')) {
            throw new HttpError(507, 'No room left', 'Delete some pictures first.');
        }
        $temporary = (string) tempnam($folder, 'new-');
        try {
            $bytes = $this->receive($temporary, $limit);
            $type = (string) (new \finfo(FILEINFO_MIME_TYPE))->file($temporary);
            $extension = self::TYPES[$type] ?? null;
            if ($extension === null || !$wanted($type)) {
                throw new HttpError(415, 'That kind of file is not taken', "Please choose $wantedWords.");
            }
            [$width, $height] = $this->measure($temporary, $type);
            $name = bin2hex(random_bytes(16)) . ".$extension";
            chmod($temporary, 0640);
            rename($temporary, "$folder/$name");
        } finally {
            if (is_file($temporary)) {
                unlink($temporary);
            }
        }
        $this->db->run(
            'insert into uploads (name, mime, bytes, width, height) values (:name, :mime, :bytes, :width, :height)',
            ['name' => $name, 'mime' => $type, 'bytes' => $bytes, 'width' => $width, 'height' => $height],
        );
        return ['name' => $name, 'width' => $width, 'height' => $height];
    }

    private function receive(string $path, int $limit): int
    {
        $in = fopen('php://input', 'rb');
        $out = fopen($path, 'wb');
        $bytes = (int) stream_copy_to_stream($in, $out, $limit + 1);
        fclose($in);
        fclose($out);
        if ($bytes > $limit) {
            throw Request::tooLarge($limit);
        }
        if ($bytes === 0) {
            throw new HttpError(400, 'Empty file', 'The file has no content.');
        }
        return $bytes;
    }

    /** @return array{?int,?int} */
    private function measure(string $path, string $type): array
    {
        if ($type === 'application/pdf') {
            return [null, null];
        }
        $size = @getimagesize($path);
        if ($size === false || $size[0] < 1 || $size[1] < 1) {
            if ($type === 'image/avif') {
                return [null, null];
            }
            throw new HttpError(415, 'Unreadable picture', 'The file is damaged or not a picture.');
        }
        if ($size[0] * $size[1] > 60_000_000) {
            throw new HttpError(413, 'Too large', 'At most 60 megapixels, please.');
        }
        return [$size[0], $size[1]];
    }
}
