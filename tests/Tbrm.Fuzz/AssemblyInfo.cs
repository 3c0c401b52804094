using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("Tbrm.Fuzz.Tests")]
