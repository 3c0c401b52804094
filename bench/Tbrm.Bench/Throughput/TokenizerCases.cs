using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Runtime.CompilerServices;
using System.Text;
using Tbrm.Text.Tokenizers;

namespace Tbrm.Bench.Throughput;

/// <summary>The token stage on a megabyte of each kind of text.</summary>
internal static class TokenizerCases
{
    private const int Bytes = 1_000_000;

    private static readonly string[] s_chineseWords =
        ("求 证明 设 函数 方程 的 解 为 实数 整数 正 负 任意 存在 使得 满足 条件 三角形 圆 半径 面积 周长 等于 大于 小于 最大值 最小值 数列 等差 等比 概率 随机 变量 期望 "
            + "方差 矩阵 行列式 向量 空间 平面 直线 相交 平行 垂直 已知 则 因为 所以 从而 故 即 答案 是 请 计算 下列 问题 学生 老师 小明 买 了 本 书 苹果 元 每 天 小时 公里 "
            + "速度 时间 距离 多少 几 个 一 二 三 十 百 千 万 点 在 上 中 和 与 或 不 有 无 这 那 它 我们").Split(' ');

    /// <summary>With a folder, its tokenizer; without, one that is trained on English and code here.</summary>
    public static IEnumerable<ThroughputCase> All(string? folder)
    {
        string english = FromRepository("docs", "*.md");
        string code = FromRepository("src", "*.cs");
        Random random = new(1);
        string chinese = string.Concat(
            Enumerable.Range(0, 200_000)
            .Select(_ => random.Next(12) == 0 ? "，" : random.Next(20) == 0 ? "。\n"
            : s_chineseWords[random.Next(s_chineseWords.Length)]));
        Tokenizer tokenizer = Load(folder, english, code);
        string name = folder is null ? "trained" : Path.GetFileName(Path.TrimEndingDirectorySeparator(folder));
        foreach ((string kind, string text) in new[] { ("English", english), ("one letter", new string('a', Bytes)),
            ("Chinese", chinese), ("code (C#)", code) })
        {
            string cut = Cut(text);
            int[] ids = tokenizer.Encode(cut);
            IReadOnlyList<(double, string)> amounts = [(Bytes / 1e6, "MB"), (ids.Length, "tokens")];
            Tokenizer fresh = tokenizer;
            yield return new("encode, first time", $"{kind}, {name}", amounts,
                () => fresh.Encode(cut))
            { Forget = () => fresh = Load(folder, english, code) };
            yield return new("encode, words seen before", $"{kind}, {name}", amounts, () => tokenizer.Encode(cut));
            yield return new("decode", $"{kind}, {name}", [(Bytes / 1e6, "MB")], () => tokenizer.Decode(ids));
        }
    }

    private static Tokenizer Load(string? folder, string english, string code) => folder is null ? Train(english, code)
        : Tokenizer.Load(folder);

    private static Tokenizer Train(string english, string code)
    {
        BpeTrainer trainer = new(WordSplit.Qwen2);
        trainer.Add(english[..Math.Min(english.Length, 200_000)]);
        trainer.Add(code[..Math.Min(code.Length, 200_000)]);
        return trainer.Train(8000).Build();
    }

    /// <summary>A megabyte of UTF-8, the text repeated if it is shorter.</summary>
    private static string Cut(string text)
    {
        StringBuilder whole = new(text);
        while (Encoding.UTF8.GetByteCount(whole.ToString()) < Bytes)
        {
            whole.Append('\n').Append(text);
        }

        return Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(whole.ToString())[..Bytes]);
    }

    private static string FromRepository(string folder, string pattern, [CallerFilePath] string here = "")
    {
        string root = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "..", "..", ".."));
        return string.Join('\n',
            Directory.GetFiles(Path.Combine(root, folder), pattern, SearchOption.AllDirectories)
            .Order(StringComparer.Ordinal).Select(File.ReadAllText));
    }
}
