namespace Tbrm.Text.Tokenizers;

/// <summary>A token that is cut out of the text before the model sees it.</summary>
/// <param name="Content">Its text. Not empty.</param>
/// <param name="Special">Left out when decoding with <c>skipSpecialTokens</c>.</param>
/// <param name="Normalized">Looked for in the normalized text, in its own normalized form.</param>
/// <param name="SingleWord">Only where no word character touches it.</param>
/// <param name="LStrip">Takes the blanks before it along.</param>
/// <param name="RStrip">Takes the blanks after it along.</param>
public sealed record AddedToken(
    string Content,
    bool Special = false,
    bool Normalized = false,
    bool SingleWord = false,
    bool LStrip = false,
    bool RStrip = false);
