using System;

namespace Tbrm.Testing;

/// <summary>Random edits of a text.</summary>
public static class Mutation
{
    /// <summary>One to four edits: cut, double, swap a character, or take over a part of another text.</summary>
    public static string Of(string text, string other, Random random)
    {
        for (int edits = random.Next(1, 5); edits > 0 && text.Length > 0; edits--)
        {
            int start = random.Next(text.Length);
            int length = random.Next(1, Math.Min(12, text.Length - start) + 1);
            string part = text.Substring(start, length);
            int from = random.Next(other.Length);
            string taken = other.Substring(from, random.Next(0, Math.Min(16, other.Length - from) + 1));
            text = random.Next(4) switch
            {
                0 => text.Remove(start, length),
                1 => text.Insert(start, part),
                2 => text.Remove(start, length).Insert(start, taken),
                _ => text.Remove(start, 1).Insert(start, ((char)random.Next(0, 0x250)).ToString()),
            };
        }

        return text;
    }
}
