using System.Text;

namespace Tbrm.Text.PreTokenizers;

/// <summary>ByteLevel: optionally a blank before every piece and GPT-2's cuts; then the bytes of each piece in
/// <see cref="ByteAlphabet"/>.</summary>
/// <param name="addPrefixSpace">A piece that does not start with a blank gets one.</param>
/// <param name="useRegex">Cut at <see cref="Gpt2WordPattern"/>.</param>
/// <param name="isLast">No step follows: the model then reads the bytes itself and no text is rewritten.</param>
internal sealed class ByteLevelPreTokenizer(bool addPrefixSpace, bool useRegex, bool isLast) : PreTokenizer
{
    private static readonly SplitPreTokenizer s_words = new(new Gpt2WordPattern(), SplitBehavior.Isolated);

    /// <inheritdoc/>
    public override void Apply(PreTokenized text)
    {
        if (addPrefixSpace)
        {
            Rewrite(text, static (piece, output) => output.Append(piece[0] == ' ' ? "" : " ").Append(piece));
        }

        if (useRegex)
        {
            s_words.Apply(text);
        }

        if (isLast)
        {
            text.AsBytes = true;
        }
        else
        {
            Rewrite(text, static (piece, output) => output.Append(ByteAlphabet.Encode(piece)));
        }
    }

    /// <summary>Writes every piece anew.</summary>
    internal static void Rewrite(PreTokenized text, PieceWriter write)
    {
        StringBuilder output = new(text.Text.Length + 16);
        foreach (Piece piece in text.Pieces)
        {
            int start = output.Length;
            write(text.Span(piece), output);
            text.NewPieces.Add(new Piece(start, output.Length));
        }

        text.Replace(output.ToString());
    }
}

/// <summary>Writes what is to stand in the place of a piece.</summary>
internal delegate void PieceWriter(System.ReadOnlySpan<char> piece, StringBuilder output);
