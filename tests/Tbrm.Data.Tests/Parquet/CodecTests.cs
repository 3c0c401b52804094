using System;
using System.IO;
using System.IO.Compression;
using System.Linq;
using System.Text;
using NUnit.Framework;
using Tbrm.Data.Parquet;
using Tbrm.Data.Parquet.Codecs;
using Tbrm.Data.Parquet.Metadata;
using Tbrm.Testing;

namespace Tbrm.Data.Tests.Parquet;

internal sealed class CodecTests
{
    [TestCase("text-3000.level1.zst")]
    [TestCase("text-3000.level19.zst")]
    [TestCase("text-200000.level3.zst")]
    [TestCase("noise-1000.zst")]
    [TestCase("run-300000.zst")]
    [TestCase("empty.zst")]
    [TestCase("two-frames.zst")]
    [TestCase("text-3000.lz4")]
    [TestCase("text-3000.hc.lz4")]
    [TestCase("noise-1000.lz4")]
    [TestCase("run-300000.lz4")]
    public void What_the_reference_libraries_packed_is_unpacked(string name)
    {
        byte[] expected = Expected(name);
        byte[] actual = new byte[expected.Length];
        Codec.Decompress(CodecOf(name), Golden(name), actual);

        Assert.That(actual.AsSpan().SequenceEqual(expected), Is.True);
    }

    [TestCase("text-3000.level1.zst")]
    [TestCase("text-3000.level19.zst")]
    [TestCase("text-3000.lz4")]
    public void Every_cut_and_every_wrong_size_is_an_error(string name)
    {
        byte[] expected = Expected(name), packed = Golden(name);
        for (int length = 0; length < packed.Length; length++)
        {
            Assert.That(() =>
                Codec.Decompress(CodecOf(name), new ArraySegment<byte>(packed, 0, length), new byte[expected.Length]),
                Throws.InstanceOf<MalformedException>(), $"cut at {length}");
        }

        Assert.That(() => Codec.Decompress(CodecOf(name), packed, new byte[expected.Length - 1]),
            Throws.InstanceOf<MalformedException>());
        Assert.That(() => Codec.Decompress(CodecOf(name), packed, new byte[expected.Length + 1]),
            Throws.InstanceOf<MalformedException>());
    }

    [TestCase("text-3000.level19.zst")]
    [TestCase("text-3000.lz4")]
    public void A_changed_bit_gives_an_error_or_other_bytes_and_never_anything_worse(string name)
    {
        byte[] packed = Golden(name), target = new byte[Expected(name).Length];
        int refused = 0;
        for (int bit = 0; bit < 8 * packed.Length; bit++)
        {
            byte[] changed = [.. packed];
            changed[bit / 8] ^= (byte)(1 << (bit % 8));
            try
            {
                Codec.Decompress(CodecOf(name), changed, target);
            }
            catch (MalformedException)
            {
                refused++;
            }
        }

        // A zstd frame has a checksum, so only the bits it ignores may pass; an LZ4 block has none.
        Assert.That(refused,
            Is.GreaterThan(name.Contains(".zst", StringComparison.Ordinal) ? 8 * packed.Length * 95 / 100 : 0));
    }

    [Test]
    public void Snappy_as_the_library_packs_it_is_unpacked([Values(0, 1, 60, 61, 3000, 70_000, 200_000)] int length,
        [Values] bool noise)
    {
        byte[] expected = noise ? Noise(length) : Text(length);
        byte[] actual = new byte[length];
        Codec.Decompress(ParquetCodec.Snappy, IronSnappy.Snappy.Encode(expected), actual);

        Assert.That(actual.AsSpan().SequenceEqual(expected), Is.True);
    }

    [TestCase("0301FF", TestName = "A_literal_behind_the_end")]
    [TestCase("0400410500", TestName = "A_copy_from_before_the_beginning")]
    [TestCase("FFFFFFFFFF7F", TestName = "A_length_that_is_too_long")]
    [TestCase("", TestName = "No_length")]
    [TestCase("04F0", TestName = "A_literal_without_its_length")]
    public void Damaged_snappy_is_refused(string hex)
    {
        Assert.That(() => Codec.Decompress(ParquetCodec.Snappy, Convert.FromHexString(hex), new byte[4]),
            Throws.InstanceOf<MalformedException>());
    }

    [Test]
    public void Legacy_lz4_is_read_with_and_without_hadoop_s_framing()
    {
        byte[] expected = Text(3000), block = Golden("text-3000.lz4"), actual = new byte[expected.Length];
        byte[] framed = [0, 0, 0x0B, 0xB8, (byte)(block.Length >> 24), (byte)(block.Length >> 16),
            (byte)(block.Length >> 8), (byte)block.Length, .. block];
        Codec.Decompress(ParquetCodec.Lz4, framed, actual);
        Assert.That(actual.AsSpan().SequenceEqual(expected), Is.True);

        Array.Clear(actual);
        Codec.Decompress(ParquetCodec.Lz4, block, actual);
        Assert.That(actual.AsSpan().SequenceEqual(expected), Is.True);
    }

    [Test]
    public void Gzip_may_have_several_members()
    {
        byte[] expected = Text(500);
        using MemoryStream packed = new();
        foreach (byte[] part in expected.Chunk(200))
        {
            using GZipStream member = new(packed, CompressionLevel.Fastest, leaveOpen: true);
            member.Write(part);
        }

        byte[] actual = new byte[expected.Length];
        Codec.Decompress(ParquetCodec.Gzip, packed.ToArray(), actual);
        Assert.That(actual.AsSpan().SequenceEqual(expected), Is.True);
        Assert.That(() => Codec.Decompress(ParquetCodec.Gzip, packed.ToArray(), new byte[499]),
            Throws.InstanceOf<MalformedException>());
    }

    [TestCase("", 0x00000000u)]
    [TestCase("123456789", 0xCBF43926u)]
    [TestCase("The quick brown fox jumps over the lazy dog", 0x414FA339u)]
    public void The_page_checksum_is_that_of_gzip(string text, uint expected)
    {
        Assert.That(Crc32.Compute(Encoding.ASCII.GetBytes(text)), Is.EqualTo(expected));
    }

    [Test]
    public void A_page_that_claims_more_than_its_codec_can_give_is_not_believed()
    {
        Assert.That(Codec.IsPlausible(ParquetCodec.Snappy, 100, 400 << 20), Is.False);
        Assert.That(Codec.IsPlausible(ParquetCodec.Lz4Raw, 1 << 20, 255 << 20), Is.True);
        Assert.That(Codec.IsPlausible(ParquetCodec.Uncompressed, 100, 200_000), Is.False);
    }

    private static byte[] Golden(string name) =>
        File.ReadAllBytes(Repository.PathOf("tests", "Tbrm.Data.Tests", "Parquet", "Golden", name + ".bin"));

    private static ParquetCodec CodecOf(string name) => name.Contains(".zst", StringComparison.Ordinal)
        ? ParquetCodec.Zstd : ParquetCodec.Lz4Raw;

    private static byte[] Expected(string name)
    {
        string[] parts = name.Split('.')[0].Split('-');
        return parts[0] switch
        {
            "text" => Text(int.Parse(parts[1], null)),
            "noise" => Noise(int.Parse(parts[1], null)),
            "run" => [.. Enumerable.Repeat((byte)'a', int.Parse(parts[1], null))],
            "two" => [.. Text(3000), .. Noise(1000)],
            _ => [],
        };
    }

    /// <summary>Words by a linear congruential generator.</summary>
    private static byte[] Text(int length)
    {
        StringBuilder text = new();
        uint state = 12345;
        while (text.Length < length)
        {
            state = ((state * 1103515245) + 12345) & 0x7FFFFFFF;
            text.Append('w').Append((state >> 16) % 50).Append(' ');
        }

        return Encoding.ASCII.GetBytes(text.ToString(0, length));
    }

    private static byte[] Noise(int length)
    {
        byte[] bytes = new byte[length];
        uint state = 54321;
        for (int i = 0; i < length; i++)
        {
            state = ((state * 1103515245) + 12345) & 0x7FFFFFFF;
            bytes[i] = (byte)(state >> 16);
        }

        return bytes;
    }
}
