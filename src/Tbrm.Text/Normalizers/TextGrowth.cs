using Tbrm.Core.Errors;

namespace Tbrm.Text.Normalizers;

/// <summary>
/// How much longer a tokenizer's steps may make a text. Compatibility forms make at most 18 characters of one; a file
/// whose
/// steps double the text again and again would fill the memory with any prompt.
/// </summary>
internal static class TextGrowth
{
    private const int MaxRatio = 32;
    private const int Slack = 1 << 16;

    /// <summary>Fails when a text of <paramref name="original"/> characters has become too long.</summary>
    /// <exception cref="DataException">It has.</exception>
    public static void Require(long length, long original)
    {
        if (length > (MaxRatio * original) + Slack)
        {
            throw new DataException(
                $"the steps of this tokenizer make more than {(MaxRatio * original) + Slack} characters of "
                    + $"{original}; is its tokenizer.json damaged?");
        }
    }
}
