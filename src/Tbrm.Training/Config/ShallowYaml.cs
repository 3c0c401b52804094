using System.IO;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Tbrm.Training.Config;

/// <summary>Reads YAML of limited depth: the library builds its tree by recursion, and a text nested 100,000 deep would
/// end the process.</summary>
internal sealed class ShallowYaml(TextReader text) : IParser
{
    /// <summary>A configuration has about five levels.</summary>
    private const int MostLevels = 64;

    private readonly Parser _parser = new(text);
    private int _depth;

    /// <inheritdoc/>
    public ParsingEvent? Current => _parser.Current;

    /// <inheritdoc/>
    public bool MoveNext()
    {
        if (!_parser.MoveNext())
        {
            return false;
        }

        _depth += _parser.Current!.NestingIncrease;
        return _depth <= MostLevels ? true
            : throw new YamlException(_parser.Current.Start, _parser.Current.End,
                $"lists and maps are nested more than {MostLevels} deep");
    }
}
