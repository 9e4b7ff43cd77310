<?php
declare(strict_types=1);

namespace Framework;

/**
 * A small PDF 1.7 writer: A4 pages, the standard Helvetica fonts, filled shapes, links, wrapped text. Measures are
 * points, the origin is the top left corner. Letters outside Windows-1252 are written as their nearest relative.
 */
final class Pdf
{
    public const WIDTH = 595.28;
    public const HEIGHT = 841.89;
    // Advance widths of Helvetica and Helvetica-Bold for the characters 32–126, in thousandths of the size.
    private const REGULAR = [278,278,355,556,556,889,667,191,333,333,389,584,278,333,278,278,556,556,556,556,556,556,556,556,556,556,278,278,584,584,584,556,1015,667,667,722,722,667,611,778,722,278,500,667,556,833,722,778,667,778,722,667,611,722,667,944,667,667,611,278,278,278,469,556,333,556,556,500,556,556,278,556,556,222,222,500,222,833,556,556,556,556,333,500,278,556,500,722,500,500,500,334,260,334,584];
    private const BOLD = [278,333,474,556,556,889,722,238,333,333,389,584,278,333,278,278,556,556,556,556,556,556,556,556,556,556,333,333,584,584,584,611,975,722,722,722,722,667,611,778,722,278,556,722,611,833,722,778,667,778,722,667,611,722,667,944,667,667,611,333,278,333,584,556,333,556,611,556,611,556,333,611,611,278,278,556,278,889,611,611,611,611,389,556,333,611,556,778,556,556,500,389,280,389,584];

    /** @var list<string> */
    private array $pages = [];
    /** @var list<list<array{float,float,float,float,string}>> */
    private array $links = [];
    private string $colour = '0 0 0';

    public function __construct(private readonly string $title, private readonly string $author)
    {
    }

    public function addPage(): void
    {
        $this->pages[] = '';
        $this->links[] = [];
    }

    /** @param array{int,int,int} $rgb */
    public function colour(array $rgb): void
    {
        $this->colour = implode(' ', array_map(static fn (int $part): string => sprintf('%.3F', $part / 255), $rgb));
    }

    public function rectangle(float $x, float $y, float $width, float $height): void
    {
        $this->draw(sprintf('%s rg %.2F %.2F %.2F %.2F re f', $this->colour, $x, self::HEIGHT - $y - $height, $width, $height));
    }

    public function circle(float $x, float $y, float $radius): void
    {
        $y = self::HEIGHT - $y;
        $k = 0.5523 * $radius;
        $this->draw(sprintf(
            '%s rg %.2F %.2F m %.2F %.2F %.2F %.2F %.2F %.2F c %.2F %.2F %.2F %.2F %.2F %.2F c %.2F %.2F %.2F %.2F %.2F %.2F c %.2F %.2F %.2F %.2F %.2F %.2F c f',
            $this->colour, $x + $radius, $y,
            $x + $radius, $y + $k, $x + $k, $y + $radius, $x, $y + $radius,
            $x - $k, $y + $radius, $x - $radius, $y + $k, $x - $radius, $y,
            $x - $radius, $y - $k, $x - $k, $y - $radius, $x, $y - $radius,
            $x + $k, $y - $radius, $x + $radius, $y - $k, $x + $radius, $y,
        ));
    }

    public function text(float $x, float $y, string $text, float $size, bool $bold = false): void
    {
        $bytes = strtr(self::encode($text), ['\\' => '\\\\', '(' => '\\(', ')' => '\\)', "\r" => ' ', "\n" => ' ']);
        $this->draw(sprintf('BT %s rg /%s %.2F Tf %.2F %.2F Td (%s) Tj ET', $this->colour, $bold ? 'B' : 'R', $size, $x, self::HEIGHT - $y, $bytes));
    }

    /** Draws wrapped text and returns the y below it. `$newPage(y)` is asked before each line and may move on. */
    public function paragraph(float $x, float $y, float $width, string $text, float $size, float $leading, ?callable $newPage = null): float
    {
        foreach ($this->wrap($text, $width, $size) as $line) {
            $y = $newPage === null ? $y : $newPage($y);
            $this->text($x, $y, $line, $size);
            $y += $leading;
        }
        return $y;
    }

    public function link(float $x, float $y, float $width, float $height, string $url): void
    {
        $this->links[count($this->pages) - 1][] = [$x, self::HEIGHT - $y, $x + $width, self::HEIGHT - $y + $height, $url];
    }

    public function width(string $text, float $size, bool $bold = false): float
    {
        $table = $bold ? self::BOLD : self::REGULAR;
        $sum = 0;
        foreach (str_split(self::encode($text)) as $byte) {
            $sum += $table[ord($byte) - 32] ?? 556;
        }
        return $sum * $size / 1000;
    }

    /** @return list<string> */
    public function wrap(string $text, float $width, float $size, bool $bold = false): array
    {
        $lines = [];
        foreach (explode("\n", $text) as $block) {
            $line = '';
            foreach (preg_split('/\s+/u', trim($block)) ?: [] as $word) {
                // A word wider than the column is cut, not run over the margin.
                while ($this->width($word, $size, $bold) > $width && mb_strlen($word) > 4) {
                    $take = max(4, (int) floor(mb_strlen($word) * $width / $this->width($word, $size, $bold)) - 1);
                    if ($line !== '') {
                        $lines[] = $line;
                        $line = '';
                    }
                    $lines[] = mb_substr($word, 0, $take);
                    $word = mb_substr($word, $take);
                }
                $longer = $line === '' ? $word : "$line $word";
                if ($line !== '' && $this->width($longer, $size, $bold) > $width) {
                    $lines[] = $line;
                    $line = $word;
                } else {
                    $line = $longer;
                }
            }
            $lines[] = $line;
        }
        return $lines;
    }

    public function output(): string
    {
        $objects = [
            1 => '<< /Type /Catalog /Pages 2 0 R /Lang (en) /ViewerPreferences << /DisplayDocTitle true >> >>',
            3 => '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>',
            4 => '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold /Encoding /WinAnsiEncoding >>',
            5 => '<< /Title ' . self::unicode($this->title) . ' /Author ' . self::unicode($this->author) . ' >>',
        ];
        $kids = [];
        foreach ($this->pages as $index => $content) {
            $page = max(array_keys($objects)) + 1;
            $packed = gzcompress($content, 9);
            $annotations = [];
            foreach ($this->links[$index] as [$x1, $y1, $x2, $y2, $url]) {
                $safe = addcslashes((string) preg_replace('/[^\x21-\x7e]/', '', $url), '()\\');
                $annotations[] = sprintf('<< /Type /Annot /Subtype /Link /Border [0 0 0] /Rect [%.2F %.2F %.2F %.2F] /A << /S /URI /URI (%s) >> >>', $x1, $y1, $x2, $y2, $safe);
            }
            $objects[$page] = sprintf(
                '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %.2F %.2F] /Resources << /Font << /R 3 0 R /B 4 0 R >> >> /Contents %d 0 R /Annots [%s] >>',
                self::WIDTH, self::HEIGHT, $page + 1, implode(' ', $annotations),
            );
            $objects[$page + 1] = '<< /Length ' . strlen($packed) . " /Filter /FlateDecode >>\nstream\n$packed\nendstream";
            $kids[] = "$page 0 R";
        }
        $objects[2] = '<< /Type /Pages /Kids [' . implode(' ', $kids) . '] /Count ' . count($kids) . ' >>';
        ksort($objects);
        $pdf = "%PDF-1.7\n%\xE2\xE3\xCF\xD3\n";
        $table = '';
        foreach ($objects as $number => $object) {
            $table .= sprintf("%010d 00000 n \n", strlen($pdf));
            $pdf .= "$number 0 obj\n$object\nendobj\n";
        }
        $count = count($objects) + 1;
        $start = strlen($pdf);
        return "{$pdf}xref\n0 $count\n0000000000 65535 f \n{$table}trailer\n<< /Size $count /Root 1 0 R /Info 5 0 R >>\nstartxref\n$start\n%%EOF\n";
    }

    private function draw(string $operators): void
    {
        $this->pages[count($this->pages) - 1] .= "$operators\n";
    }

    private static function encode(string $text): string
    {
        $bytes = @iconv('UTF-8', 'CP1252//TRANSLIT//IGNORE', $text);
        return $bytes === false ? (string) mb_convert_encoding($text, 'Windows-1252', 'UTF-8') : $bytes;
    }

    private static function unicode(string $text): string
    {
        return '<FEFF' . strtoupper(bin2hex((string) mb_convert_encoding($text, 'UTF-16BE', 'UTF-8'))) . '>';
    }
}
