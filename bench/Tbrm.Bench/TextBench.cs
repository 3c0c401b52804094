using System.Linq;
using BenchmarkDotNet.Attributes;
using Tbrm.Tasks;
using Tbrm.Text.Tokenizers;

namespace Tbrm.Bench;

/// <summary>The token stage: a byte-level BPE with Qwen2's pre-tokenizer, trained on the text that it encodes. One
/// operation is the whole text.</summary>
public class TextBench
{
    private Tokenizer _tokenizer = null!;
    private string _text = "";
    private int[] _ids = [];

    [GlobalSetup]
    public void Setup()
    {
        IReasoningTask task = TaskRegistry.Create("family_relationships");
        string[] questions = [.. Enumerable.Range(0, 500).Select(i => task.Generate(i).Question)];
        BpeTrainer trainer = new(WordSplit.Qwen2);
        foreach (string question in questions)
        {
            trainer.Add(question);
        }

        _tokenizer = trainer.Train(4096).Build();
        _text = string.Join("\n", questions);
        _ids = _tokenizer.Encode(_text);
    }

    [Benchmark]
    public int[] Encode() => _tokenizer.Encode(_text);

    [Benchmark]
    public string Decode() => _tokenizer.Decode(_ids, skipSpecialTokens: false);
}
