using System.Collections.Generic;

namespace Tbrm.Training.Config.Descriptions;

/// <summary>Text broken into lines at blanks.</summary>
public static class Lines
{
    /// <summary>Lines of at most <paramref name="width"/> letters; a longer word has a line of its own.</summary>
    public static IEnumerable<string> Wrap(string text, int width)
    {
        string line = "";
        foreach (string word in text.Split(' '))
        {
            if (line.Length > 0 && line.Length + 1 + word.Length > width)
            {
                yield return line;
                line = "";
            }

            line += (line.Length > 0 ? " " : "") + word;
        }

        yield return line;
    }
}
