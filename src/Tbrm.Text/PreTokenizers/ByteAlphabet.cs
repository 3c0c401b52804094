using System;
using System.Text;

namespace Tbrm.Text.PreTokenizers;

/// <summary>
/// GPT-2's one-to-one map between the 256 bytes and 256 printable characters, in which byte-level vocabularies are
/// written:
/// a printable Latin-1 character stands for itself, the other 68 bytes take the characters from U+0100 on, in order.
/// </summary>
internal static class ByteAlphabet
{
    private static readonly char[] s_toChar = BuildToChar();
    private static readonly short[] s_toByte = BuildToByte();

    /// <summary>All 256 characters, by the byte that they stand for.</summary>
    public static ReadOnlySpan<char> Characters => s_toChar;

    /// <summary>The byte that <paramref name="c"/> stands for; false when it is not one of the 256.</summary>
    public static bool TryGetByte(char c, out byte value)
    {
        short found = c < s_toByte.Length ? s_toByte[c] : (short)-1;
        value = (byte)found;
        return found >= 0;
    }

    /// <summary>The bytes of <paramref name="text"/> in UTF-8, each written as its character.</summary>
    public static string Encode(ReadOnlySpan<char> text)
    {
        byte[] utf8 = new byte[Encoding.UTF8.GetMaxByteCount(text.Length)];
        int count = Encoding.UTF8.GetBytes(text, utf8);
        return string.Create(count, utf8, static (chars, bytes) =>
        {
            for (int i = 0; i < chars.Length; i++)
            {
                chars[i] = s_toChar[bytes[i]];
            }
        });
    }

    /// <summary>The bytes that a token stands for; a token with any other character in it stands for its own
    /// UTF-8.</summary>
    public static byte[] Decode(string token)
    {
        byte[] bytes = new byte[token.Length];
        for (int i = 0; i < token.Length; i++)
        {
            if (!TryGetByte(token[i], out bytes[i]))
            {
                return Encoding.UTF8.GetBytes(token);
            }
        }

        return bytes;
    }

    private static char[] BuildToChar()
    {
        char[] map = new char[256];
        int next = 0x100;
        for (int b = 0; b < 256; b++)
        {
            bool printable = b is (>= 0x21 and <= 0x7E) or (>= 0xA1 and <= 0xAC) or (>= 0xAE and <= 0xFF);
            map[b] = printable ? (char)b : (char)next++;
        }

        return map;
    }

    private static short[] BuildToByte()
    {
        short[] map = new short[0x144];
        Array.Fill(map, (short)-1);
        for (int b = 0; b < 256; b++)
        {
            map[s_toChar[b]] = (short)b;
        }

        return map;
    }
}
