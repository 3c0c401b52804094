using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Google.Protobuf;
using Tbrm.Text.Tokenizers.Formats;
using Tbrm.Text.Tokenizers;

namespace Tbrm.Text.Tests.Tokenizers.Formats;

/// <summary>Small SentencePiece models that the tests write themselves.</summary>
internal static class SentencePieces
{
    private const string Text =
        "the theory then gives the answer the sum of the terms is there and the remainder is other than zero "
        + "we find that the theorem and the answers are those of the theory 12 34 46 100 700 "
        + "les élèves étudient la théorie";

    /// <summary>Pieces as Llama 2 has them: unknown, begin, end, 256 bytes, merged pieces by score,
    /// characters.</summary>
    /// <param name="merges">How many merged pieces, at most.</param>
    public static List<SentencePiece> Llama(int merges = 120)
    {
        List<SentencePiece> pieces =
        [
            new("<unk>", 0, PieceKind.Unknown), new("<s>", 0, PieceKind.Control), new("</s>", 0, PieceKind.Control),
            .. Enumerable.Range(0, 256).Select(b => new SentencePiece($"<0x{b:X2}>", 0, PieceKind.Byte)),
        ];
        string marked = "▁" + Text.Replace(' ', '▁');
        List<List<string>> words = [.. Text.Split(' ')
            .Select(word => ("▁" + word).Select(c => c.ToString()).ToList())];
        List<string> merged = [];
        for (int i = 0; i < merges; i++)
        {
            // Every word is a piece after some hundred merges.
            KeyValuePair<(string Left, string Right), int>[] pairs =
                [.. words.SelectMany(word => word.Zip(word.Skip(1))).CountBy(pair => pair)];
            if (pairs.Length == 0)
            {
                break;
            }

            (string Left, string Right) best = pairs.OrderByDescending(pair => pair.Value)
                .ThenBy(pair => pair.Key.Left + pair.Key.Right, StringComparer.Ordinal).First().Key;
            merged.Add(best.Left + best.Right);
            words.ForEach(word => Merge(word, best));
        }

        pieces.AddRange(merged.Distinct().Concat(["▁▁", "▁▁▁▁"]).Concat(marked.Select(c => c.ToString()).Distinct())
            .Select((piece, i) => new SentencePiece(piece, -i, PieceKind.Normal)));
        return pieces;
    }

    /// <summary>A model's bytes.</summary>
    public static byte[] Model(IEnumerable<SentencePiece> pieces, bool isBpe, bool addsPrefix = true,
        bool removesBlanks = false, bool hasFallback = true)
    {
        using MemoryStream stream = new();
        using (CodedOutputStream output = new(stream, leaveOpen: true))
        {
            foreach (SentencePiece piece in pieces)
            {
                Message(output, 1, message =>
                {
                    message.WriteTag(1, WireFormat.WireType.LengthDelimited);
                    message.WriteString(piece.Text);
                    message.WriteTag(2, WireFormat.WireType.Fixed32);
                    message.WriteFloat(piece.Score);
                    Number(message, 3, (int)piece.Kind);
                });
            }

            Message(output, 2, message =>
            {
                Number(message, 3, isBpe ? 2 : 1);
                Number(message, 35, hasFallback ? 1 : 0);
                Number(message, 40, 0);
                Number(message, 41, 1);
                Number(message, 42, 2);
                Number(message, 43, -1);
            });
            Message(output, 3, message =>
            {
                message.WriteTag(1, WireFormat.WireType.LengthDelimited);
                message.WriteString("identity");
                Number(message, 3, addsPrefix ? 1 : 0);
                Number(message, 4, removesBlanks ? 1 : 0);
                Number(message, 5, 1);
            });
        }

        return stream.ToArray();
    }

    /// <summary>Reads a folder of the given files.</summary>
    public static Tokenizer Load(params (string Name, byte[] Content)[] files)
    {
        string folder = TestTokenizers.NewFolder();
        foreach ((string name, byte[] content) in files)
        {
            File.WriteAllBytes(Path.Combine(folder, name), content);
        }

        return Tokenizer.Load(folder);
    }

    private static void Merge(List<string> word, (string Left, string Right) pair)
    {
        for (int i = 0; i + 1 < word.Count; i++)
        {
            if (word[i] == pair.Left && word[i + 1] == pair.Right)
            {
                word[i] += word[i + 1];
                word.RemoveAt(i + 1);
            }
        }
    }

    private static void Message(CodedOutputStream output, int field, Action<CodedOutputStream> write)
    {
        using MemoryStream content = new();
        using (CodedOutputStream message = new(content, leaveOpen: true))
        {
            write(message);
        }

        output.WriteTag(field, WireFormat.WireType.LengthDelimited);
        output.WriteBytes(ByteString.CopyFrom(content.ToArray()));
    }

    private static void Number(CodedOutputStream output, int field, int value)
    {
        output.WriteTag(field, WireFormat.WireType.Varint);
        output.WriteInt32(value);
    }
}
