using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;

namespace Tbrm.Text.Unicode;

/// <summary>
/// The tables behind <see cref="UnicodeNormalization"/>, read once from the embedded <c>normalization.txt</c> (its head
/// says
/// what the lines mean). Own tables, because .NET normalizes by the machine's ICU, whatever its version, and not at all
/// under invariant globalization, where it gives the text back unchanged without a word.
/// </summary>
internal sealed class NormalizationData
{
    private static readonly Lazy<NormalizationData> s_instance = new(static () => new NormalizationData());

    private readonly Dictionary<int, int[]> _canonical = [];
    private readonly Dictionary<int, int[]> _compatibility = [];
    private readonly Dictionary<long, int> _compositions = [];
    private readonly Dictionary<int, byte> _classes = [];
    private readonly HashSet<int> _marks = [];

    private NormalizationData()
    {
        using Stream stream =
            typeof(NormalizationData).Assembly.GetManifestResourceStream("Tbrm.Text.Unicode.normalization.txt")!;
        using StreamReader reader = new(stream);
        while (reader.ReadLine() is string line)
        {
            if (!line.StartsWith('#'))
            {
                Add(line[0], Array.ConvertAll(
                    line[2..].Split(' '), static n =>
                    int.Parse(n, NumberStyles.HexNumber, CultureInfo.InvariantCulture)));
            }
        }

        foreach (int code in new List<int>(_canonical.Keys))
        {
            _canonical[code] = Expand(_canonical[code]).ToArray();
        }
    }

    /// <summary>The tables.</summary>
    public static NormalizationData Instance => s_instance.Value;

    /// <summary>The complete decomposition of a code point; null when it stands for itself.</summary>
    public int[]? Decomposition(int code, bool compatibility)
    {
        return compatibility && _compatibility.TryGetValue(code, out int[]? found) ? found
            : _canonical.GetValueOrDefault(code);
    }

    /// <summary>The primary composite of two code points, or -1.</summary>
    public int Composition(int first, int second) => _compositions.GetValueOrDefault(Key(first, second), -1);

    /// <summary>The canonical combining class.</summary>
    public byte CombiningClass(int code) => code < 0x300 ? (byte)0 : _classes.GetValueOrDefault(code);

    /// <summary>A combining mark, whatever its class.</summary>
    public bool IsMark(int code) => _marks.Contains(code);

    private static long Key(int first, int second) => ((long)first << 32) | (uint)second;

    private void Add(char kind, int[] numbers)
    {
        switch (kind)
        {
            case 'c':
                _compositions[Key(numbers[1], numbers[2])] = numbers[0];
                _canonical[numbers[0]] = numbers[1..];
                break;
            case 'x':
                _canonical[numbers[0]] = numbers[1..];
                break;
            case 'k':
                _compatibility[numbers[0]] = numbers[1..];
                break;
            case 'm':
                for (int code = numbers[0]; code <= numbers[1]; code++)
                {
                    _marks.Add(code);
                }

                break;
            default:
                for (int code = numbers[0]; code <= numbers[1]; code++)
                {
                    _classes[code] = (byte)numbers[2];
                }

                break;
        }
    }

    private List<int> Expand(int[] codes)
    {
        List<int> expanded = [];
        foreach (int code in codes)
        {
            expanded.AddRange(_canonical.TryGetValue(code, out int[]? further) ? Expand(further) : [code]);
        }

        return expanded;
    }
}
