package enrich

import "strings"

// functionWords are the commonest words of languages whose letters are mostly
// those of English, without words that are common in English, too. A word may
// stand in several lists; it then speaks for each. The Nordic languages are
// left to the trigrams: they share too many of these words.
var functionWords = []struct{ code, words string }{
	{"de", `der die das und ist nicht ich sie mit ein eine einen zu von auf den dem im wir es kann bitte auch aber noch
		seit mehr wenn wie für über werden wird habe haben sind bei nach aus dass nur keine kein mein meine meinem ihr
		ihre ihnen uns mir sich oder funktioniert leider immer schon nichts warum sehr danke hallo geht gibt zum zur
		können könnte möchte wurde beim vom ob diese dieser dieses mal wo was hat er am an`},
	{"fr", `le la les des une est pas je nous vous et que qui dans pour avec sur du au ce mon ma mes ne cette sont c'est
		j'ai n'est très bien mais depuis bonjour merci comment votre vos être fait tout n'arrive plus ça il elle par
		même ou où aussi aux peut leur ses son sans ont été de en un se sa`},
	{"es", `el los las una por para con del se como pero muy mi que de la en es lo más su está puedo desde cuando gracias
		tiene hay mis este esta hola cómo qué también porque ya nos son ser sin sobre un le al fue entre ha hasta`},
	{"it", `il di che non per sono un gli della nel anche una la è ho mi ma con più del si come da questo questa grazie
		quando dal alla ha i le lo al dei delle nella degli dopo ciao perché essere stato ed tra quello suo fatto`},
	{"pt", `os uma não com em na do da que é eu meu minha por mais está muito como se no ao dos das você obrigado para
		um a o e de as foi são já também até isso ou tem seu sua pelo pela quando nos ele`},
	{"nl", `de het een van niet op voor dat ik je maar en is met zijn er aan te bij ook naar wij mijn geen kan wel heb
		in dit deze heeft worden wordt als nog sinds hoe waarom graag bedankt om door uit zou deze onze`},
}

// otherFunctionWords are common in further languages; they only speak against
// English.
const otherFunctionWords = `och att det som inte jag og ikke jeg på nie jest się na ze ja ve bir bu için yang di dan ini
	itu tidak untuk av til med har den är på`

// englishToo are words of the lists above that are English words, too: they
// speak for their language, but not against English.
const englishToo = `in an a am was on no me so as man hat die come pour sur son or per more has had is at war do to by
	men plus us door over non met some com van den die ten har en la le de o`

// englishFunctionWords are common in English.
const englishFunctionWords = `the and is of to you that it's it with for this my not have are we can't cannot but when
	please our your they there what how why where which who i'm i've i'd don't doesn't didn't isn't won't wasn't couldn't
	would could should be been being did does from about after always any anyone because before even every getting give
	good great help here into just keep know love make more most much need never new nothing now one only other out really
	since some something still than thank thanks them then these thing think those through today too try trying used using
	very way well while without work working works wrong year yes yet bad better easy again i his she show shows says said
	let last until during both each such same back down off between against under there's that's what's let's you're we're
	they're haven't hasn't aren't`

// wordVotes is what one word says: whether it is common in English and nowhere
// else, common elsewhere, and a bit for each of functionWords.
type wordVotes struct {
	english, foreign bool
	languages        uint8
}

// commonWords is every word of the lists.
var commonWords = func() map[string]wordVotes {
	m := map[string]wordVotes{}
	for i, list := range functionWords {
		for w := range strings.FieldsSeq(list.words) {
			v := m[w]
			v.foreign = true
			v.languages |= 1 << i
			m[w] = v
		}
	}
	for w := range strings.FieldsSeq(otherFunctionWords) {
		v := m[w]
		v.foreign = true
		m[w] = v
	}
	for w := range strings.FieldsSeq(englishToo) {
		v := m[w]
		v.foreign = false
		m[w] = v
	}
	for w := range strings.FieldsSeq(englishFunctionWords) {
		v := m[w]
		v.english, v.foreign = true, false
		m[w] = v
	}
	return m
}()
