using System;
using System.Buffers.Binary;

namespace Tbrm.Fuzz.Mutation;

/// <summary>Edits of bytes whatever they mean: what a bad disk, a cut download or a hostile editor does.</summary>
internal static class ByteMutation
{
    private static readonly long[] s_numbers =
    [
        0, 1, -1, 2, 7, 8, 127, 128, 255, 256, 32767, 65535, 65536, 1 << 20, 1 << 28, int.MaxValue, int.MinValue,
            uint.MaxValue,
        1L << 40, long.MaxValue, long.MinValue,
    ];

    /// <summary>Numbers at which arithmetic breaks.</summary>
    public static long ExtremeNumber(Random random) => s_numbers[random.Next(s_numbers.Length)]
        + (random.Next(4) == 0 ? random.Next(-2, 3) : 0);

    /// <summary>One to eight edits; <paramref name="other"/> is what splices are taken from.</summary>
    public static byte[] Mutate(byte[] input, byte[] other, Random random) =>
        Mutate(input, other, 0, input.Length, random);

    /// <summary>As above, but every edit begins within a range.</summary>
    public static byte[] Mutate(byte[] input, byte[] other, int from, int length, Random random)
    {
        byte[] bytes = input;
        for (int edits = random.Next(1, 9); edits > 0 && bytes.Length > 0; edits--)
        {
            int at = Math.Min(from + random.Next(Math.Max(1, length)), bytes.Length - 1);
            bytes = Edit(bytes, other, at, random);
        }

        return bytes;
    }

    private static byte[] Edit(byte[] bytes, byte[] other, int at, Random random)
    {
        int length = random.Next(1, Math.Min(64, bytes.Length - at) + 1);
        switch (random.Next(12))
        {
            case 0 or 1 or 2:
                return With(bytes, at, [(byte)(bytes[at] ^ (1 << random.Next(8)))]);
            case 3:
                return With(bytes, at, [(byte)random.Next(256)]);
            case 4:
                return With(bytes, at, [random.Next(4) switch { 0 => 0, 1 => 0xFF, 2 => 0x7F, _ => 0x80 }]);
            case 5 or 6:
                return With(bytes, at, Number(random));
            case 7:
                return [.. bytes[..at], .. bytes[(at + length)..]];
            case 8:
                return [.. bytes[..at], .. bytes[at..(at + length)], .. bytes[at..]];
            case 9:
                byte[] noise = new byte[length];
                random.NextBytes(noise);
                return With(bytes, at, noise);
            case 10 when other.Length > 0:
                int start = random.Next(other.Length);
                byte[] taken = other[start..(start + random.Next(1, Math.Min(256, other.Length - start) + 1))];
                return random.Next(2) == 0 ? With(bytes, at, taken) : [.. bytes[..at], .. taken, .. bytes[at..]];
            default:
                return random.Next(8) == 0 ? bytes[..at] : With(bytes, at, [(byte)(bytes[at] + random.Next(-2, 3))]);
        }
    }

    private static byte[] Number(Random random)
    {
        byte[] number = new byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(number, ExtremeNumber(random));
        return number[..(1 << random.Next(4))];
    }

    private static byte[] With(byte[] bytes, int at, byte[] replacement)
    {
        byte[] changed = [.. bytes];
        replacement.AsSpan(0, Math.Min(replacement.Length, bytes.Length - at)).CopyTo(changed.AsSpan(at));
        return changed;
    }
}
