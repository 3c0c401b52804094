using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using Tbrm.Core.Prompts;
using Tbrm.Data.Sources;

namespace Tbrm.Data.Tests.Support;

/// <summary>Prompts whose text is their number.</summary>
internal static class SamplePrompts
{
    public static Prompt Numbered(long index) => new()
    {
        DataSource = "numbers",
        Messages = [new ChatMessage("user", index.ToString(CultureInfo.InvariantCulture))],
        GroundTruth = index.ToString(CultureInfo.InvariantCulture),
        Index = index,
    };

    public static PromptList List(int count) => new([.. Enumerable.Range(0, count).Select(i => Numbered(i))]);

    public static long[] Indices(IEnumerable<Prompt>? batch) => [.. batch!.Select(prompt => prompt.Index)];

    /// <summary>A source without end.</summary>
    public sealed class Endless : IPromptSource
    {
        public long? Count => null;

        public Prompt Get(long index) => Numbered(index);
    }
}
