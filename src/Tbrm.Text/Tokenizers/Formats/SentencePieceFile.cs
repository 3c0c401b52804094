using System;
using System.Collections.Generic;
using Google.Protobuf;
using Tbrm.Core.Errors;

namespace Tbrm.Text.Tokenizers.Formats;

/// <summary>What a piece of a SentencePiece model is (sentencepiece_model.proto, SentencePiece.Type).</summary>
internal enum PieceKind
{
    Normal = 1,
    Unknown = 2,
    Control = 3,
    UserDefined = 4,
    Unused = 5,
    Byte = 6,
}

/// <summary>A piece of the vocabulary; its place is its id.</summary>
internal readonly record struct SentencePiece(string Text, float Score, PieceKind Kind);

/// <summary>A <c>tokenizer.model</c> of SentencePiece (sentencepiece_model.proto, ModelProto), as far as encoding needs
/// it.</summary>
internal sealed class SentencePieceFile
{
    private const int Unigram = 1, Bpe = 2;

    /// <summary>Higher ids than any model has.</summary>
    private const int MaxPieces = 1 << 24;

    private readonly Dictionary<string, int> _roles = new()
    {
        ["unk_token"] = 0,
        ["bos_token"] = 1,
        ["eos_token"] = 2,
        ["pad_token"] = -1,
    };

    private int _modelType = Unigram;
    private bool _hasTrainer;
    private bool _hasNormalizer;

    private SentencePieceFile(byte[] content, string where) => (Content, Where) = (content, where);

    /// <summary>The file itself.</summary>
    public byte[] Content { get; }

    /// <summary>Its name, for messages.</summary>
    public string Where { get; }

    /// <summary>The vocabulary by id.</summary>
    public List<SentencePiece> Pieces { get; } = [];

    /// <summary>Merges by score; otherwise the most probable cut (Unigram).</summary>
    public bool IsBpe => _modelType == Bpe;

    /// <summary>Characters without a piece are their bytes.</summary>
    public bool HasByteFallback { get; private set; }

    /// <summary>A blank is put before the text.</summary>
    public bool AddsDummyPrefix { get; private set; } = true;

    /// <summary>Blanks at the ends and runs of blanks go.</summary>
    public bool RemovesExtraBlanks { get; private set; } = true;

    /// <summary>There is a table by which characters are replaced first.</summary>
    public bool HasCharacterTable { get; private set; }

    /// <summary>Blanks stand behind words instead of before them.</summary>
    public bool BlankIsSuffix { get; private set; }

    /// <summary>The text of <c>unk_token</c>, <c>bos_token</c>, <c>eos_token</c> or <c>pad_token</c>; null when the
    /// model has none.</summary>
    public string? Role(string role)
    {
        return _roles[role] is int id && id >= 0 && id < Pieces.Count
            && Pieces[id].Kind is PieceKind.Control or PieceKind.Unknown ? Pieces[id].Text : null;
    }

    /// <summary>Reads the file.</summary>
    /// <exception cref="DataException">It is damaged, or of a kind that is not known.</exception>
    public static SentencePieceFile Parse(byte[] content, string where)
    {
        SentencePieceFile file = new(content, where);
        try
        {
            Fields(content, (number, input) =>
            {
                switch (number)
                {
                    case 1:
                        file.ReadPiece(input.ReadBytes().ToByteArray());
                        return true;
                    case 2:
                        Fields(input.ReadBytes().ToByteArray(), file.ReadTrainer);
                        file._hasTrainer = true;
                        return true;
                    case 3:
                        Fields(input.ReadBytes().ToByteArray(), file.ReadNormalizer);
                        file._hasNormalizer = true;
                        return true;
                    default:
                        return false;
                }
            });
        }
        catch (Exception e) when (e is InvalidProtocolBufferException or InvalidOperationException)
        {
            throw new DataException($"{where}: not a SentencePiece model: {e.Message}", e);
        }

        if (!file._hasTrainer || !file._hasNormalizer)
        {
            throw new DataException(
                $"{where}: not a whole SentencePiece model: its trainer's or its normalizer's settings are missing; "
                + "was it cut off?");
        }

        return file.Pieces.Count == 0 || file._modelType is not (Unigram or Bpe)
            ? throw new DataException(
                $"{where}: expected a SentencePiece model of kind unigram or bpe, found kind {file._modelType} "
                + $"with {file.Pieces.Count} pieces")
            : file;
    }

    /// <summary>Goes through the fields of a message; what <paramref name="read"/> does not want is skipped.</summary>
    private static void Fields(byte[] message, Func<int, CodedInputStream, bool> read)
    {
        using CodedInputStream input = new(message);
        while (input.ReadTag() is uint tag and not 0)
        {
            if (!read(WireFormat.GetTagFieldNumber(tag), input))
            {
                input.SkipLastField();
            }
        }
    }

    private void ReadPiece(byte[] message)
    {
        string text = "";
        float score = 0;
        int kind = (int)PieceKind.Normal;
        Fields(message, (number, input) =>
        {
            switch (number)
            {
                case 1: text = input.ReadString(); return true;
                case 2: score = input.ReadFloat(); return true;
                case 3: kind = input.ReadEnum(); return true;
                default: return false;
            }
        });
        if (kind is < (int)PieceKind.Normal or > (int)PieceKind.Byte || float.IsNaN(score) || Pieces.Count >= MaxPieces)
        {
            throw new DataException($"{Where}: piece {Pieces.Count} (\"{text}\") has kind {kind} and score {score}");
        }

        Pieces.Add(new SentencePiece(text, score, (PieceKind)kind));
    }

    private bool ReadTrainer(int number, CodedInputStream input)
    {
        switch (number)
        {
            case 3: _modelType = input.ReadEnum(); return true;
            case 24: BlankIsSuffix = input.ReadBool(); return true;
            case 35: HasByteFallback = input.ReadBool(); return true;
            case 40: _roles["unk_token"] = input.ReadInt32(); return true;
            case 41: _roles["bos_token"] = input.ReadInt32(); return true;
            case 42: _roles["eos_token"] = input.ReadInt32(); return true;
            case 43: _roles["pad_token"] = input.ReadInt32(); return true;
            default: return false;
        }
    }

    private bool ReadNormalizer(int number, CodedInputStream input)
    {
        switch (number)
        {
            case 2: HasCharacterTable = input.ReadBytes().Length > 0; return true;
            case 3: AddsDummyPrefix = input.ReadBool(); return true;
            case 4: RemovesExtraBlanks = input.ReadBool(); return true;
            default: return false;
        }
    }
}
