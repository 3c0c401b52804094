using Tbrm.Core.Errors;

namespace Tbrm.Core.Prompts;

/// <summary>
/// A row that has the shape and that the engine cannot use: it holds a picture, its answer is none, the template does
/// not write its tools. Readers
/// of files leave such rows out and count them by reason; where every row must have its answer, it is an error of the
/// data.
/// </summary>
public sealed class LeftOutException : DataException
{
    /// <summary>Makes it.</summary>
    /// <param name="where">The row's place.</param>
    /// <param name="reason">The same words for all rows of the kind.</param>
    /// <param name="item">What in the row it is, as <c>'messages'[1]</c>; without its number a part of the reason. Null
    /// where the reason names it.</param>
    public LeftOutException(string where, string reason, string? item = null)
        : base(item is null ? $"{where}: {reason}" : $"{where}: {item} {reason}")
    {
        Where = where;
        Reason = item is null ? reason : $"{item.Split('[')[0]} {reason}";
    }

    /// <summary>The row's place.</summary>
    public string Where { get; }

    /// <summary>Why, in words that rows of the kind share.</summary>
    public string Reason { get; }
}
